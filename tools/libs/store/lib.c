/* What needs no connection. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <ctype.h>

#include "fdio.h"
#include "xenstore.h"

const char *xs_daemon_rundir(void)
{
	const char *directory = getenv("XENSTORED_RUNDIR");

	return directory ? directory : "/var/run/xenstored";
}

const char *xs_daemon_socket(void)
{
	static char path[PATH_MAX];
	const char *set = getenv("XENSTORED_PATH");

	if (set)
		return set;
	snprintf(path, sizeof(path), "%s/socket", xs_daemon_rundir());
	return path;
}

const char *xs_daemon_socket_ro(void)
{
	return xs_daemon_socket();
}

bool xs_write_all(int fd, const void *data, unsigned int len)
{
	return fd_write_all(fd, data, len);
}

unsigned int xs_count_strings(const char *strings, unsigned int len)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < len; i++)
		count += !strings[i];
	return count;
}

bool xs_strings_to_perms(struct xs_permissions *perms, unsigned int num, const char *strings)
{
	static const char letters[] = "nrwb";

	for (unsigned int i = 0; i < num; i++, strings += strlen(strings) + 1) {
		const char *letter = *strings ? strchr(letters, *strings) : NULL;
		char *end;

		errno = EINVAL;
		if (!letter || !isdigit((unsigned char)strings[1]))
			return false;
		perms[i].perms = letter - letters;
		perms[i].id = strtoul(strings + 1, &end, 10);
		if (*end)
			return false;
	}
	return true;
}

bool xs_perm_to_string(const struct xs_permissions *perm, char *buffer, size_t len)
{
	errno = EINVAL;
	if (perm->perms > (XS_PERM_READ | XS_PERM_WRITE))
		return false;
	return snprintf(buffer, len, "%c%u", "nrwb"[perm->perms], perm -> id) < (int)len;
}

bool xs_path_is_subpath(const char *parent, const char *child)
{
	size_t len = strlen(parent);

	if (len && parent[len - 1] == '/')
		len--;
	return !strncmp(parent, child, len) && (!child[len] || child[len] == '/');
}

char *expanding_buffer_ensure(struct expanding_buffer *buffer, int need)
{
	char *more;

	if (buffer->avail >= need)
		return buffer->buf;
	more = realloc(buffer->buf, need * 2);
	if (!more)
		return NULL;
	buffer->buf = more;
	buffer->avail = need * 2;
	return more;
}

/* Letter after the backslash for a character that has one, or 0. */
static char short_escape(unsigned char c)
{
	switch (c) {
	case '\t':
		return 't';
	case '\n':
		return 'n';
	case '\r':
		return 'r';
	case '\\':
		return '\\';
	default:
		return 0;
	}
}

char *sanitise_value(struct expanding_buffer *buffer, const char *value, unsigned int len)
{
	char *out;

	if (!expanding_buffer_ensure(buffer, len * 4 + 1))
		return NULL;
	out = buffer->buf;
	for (unsigned int i = 0; i < len; i++) {
		unsigned char c = value[i];
		char letter = short_escape(c);

		if (letter)
			out += sprintf(out, "\\%c", letter);
		else if (c >= ' ' && c <= '~')
			*out++ = c;
		else
			out += sprintf(out, "\\%03o", c);
	}
	*out = 0;
	return buffer->buf;
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* A number of at most `most` digits of the base; none: 0. Advances `*in`. */
static char number(const char **in, int base, int most)
{
	int value = 0;

	for (; most && digit(**in) >= 0 && digit(**in) < base; most--)
		value = value * base + digit(*(*in)++);
	return value;
}

static char unescape(const char **in)
{
	char c = *(*in)++;

	switch (c) {
	case 't':
		return '\t';
	case 'n':
		return '\n';
	case 'r':
		return '\r';
	case 'x':
		return number(in, 16, 2);
	case '0' ... '7':
		(*in)--;
		return number(in, 8, 3);
	default:
		return c;
	}
}

void unsanitise_value(char *out, unsigned int *len, const char *in)
{
	char *start = out;

	while (*in) {
		if (in[0] == '\\' && in[1]) {
			in++;
			*out++ = unescape(&in);
		} else {
			*out++ = *in++;
		}
	}
	*out = 0;
	if (len)
		*len = out - start;
}
