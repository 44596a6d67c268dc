/* The store's operations, each one request. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>

#include "private.h"

static struct iovec string(const char *text)
{
	return (struct iovec){ (void *)text, strlen(text) + 1 };
}

/* A request whose answer is only that it was done. */
static bool tell(struct xs_handle *h, xs_transaction_t t, uint32_t type, const struct iovec *parts,
	unsigned count)
{
	char *reply = xs_talk(h, t, type, parts, count, NULL);

	free(reply);
	return reply != NULL;
}

static bool tell_string(struct xs_handle *h, xs_transaction_t t, uint32_t type, const char *text)
{
	const struct iovec part = string(text);

	return tell(h, t, type, &part, 1);
}

static char *ask_string(
	struct xs_handle *h, xs_transaction_t t, uint32_t type, const char *text, unsigned *len)
{
	const struct iovec part = string(text);

	return xs_talk(h, t, type, &part, 1, len);
}

/* Strings in `data`, which it frees, as an array with the strings behind it. */
static char **split(char *data, unsigned len, unsigned *num)
{
	unsigned count = xs_count_strings(data, len);
	char **list = malloc(count * sizeof(char *) + len + 1), *at;

	if (list) {
		at = memcpy(list + count, data, len);
		at[len] = 0;
		for (unsigned i = 0; i < count; i++, at += strlen(at) + 1)
			list[i] = at;
		*num = count;
	}
	free(data);
	return list;
}

/* One part of a list; `*data` grows by it. @return 1: there is more, 0: that was all, -1 and errno.
 */
static int get_part(struct xs_handle *h, xs_transaction_t t, const char *path, char *generation,
	char **data, unsigned *len)
{
	char offset[MAX_STRLEN(*len)], *reply, *more;
	const struct iovec parts[] = { string(path), { offset, sprintf(offset, "%u", *len) + 1 } };
	unsigned size, names;
	bool last;

	reply = xs_talk(h, t, XS_DIRECTORY_PART, parts, 2, &size);
	if (!reply)
		return -1;
	names = strnlen(reply, size) + 1;
	if (names > MAX_STRLEN(uint64_t) || names >= size) {
		free(reply);
		errno = EIO;
		return -1;
	}
	if (strcmp(generation, reply)) { /* the list changed: begin again */
		bool first = !*generation;

		strcpy(generation, reply);
		if (!first) {
			*len = 0;
			free(reply);
			return 1;
		}
	}
	/* An empty name ends the list. */
	last = size > names && !reply[size - 1] && (size - 1 == names || !reply[size - 2]);
	more = realloc(*data, *len + size);
	if (!more) {
		free(reply);
		return -1;
	}
	*data = more;
	memcpy(more + *len, reply + names, size - names - last);
	*len += size - names - last;
	free(reply);
	return !last;
}

static char **directory_by_parts(
	struct xs_handle *h, xs_transaction_t t, const char *path, unsigned *num)
{
	char generation[MAX_STRLEN(uint64_t) + 1] = "", *data = NULL;
	unsigned len = 0;
	int more;

	while ((more = get_part(h, t, path, generation, &data, &len)) > 0)
		;
	if (more < 0) {
		free(data);
		return NULL;
	}
	return split(data, len, num);
}

char **xs_directory(struct xs_handle *h, xs_transaction_t t, const char *path, unsigned int *num)
{
	unsigned len;
	char *reply = ask_string(h, t, XS_DIRECTORY, path, &len);

	if (reply)
		return split(reply, len, num);
	return errno == E2BIG ? directory_by_parts(h, t, path, num) : NULL;
}

void *xs_read(struct xs_handle *h, xs_transaction_t t, const char *path, unsigned int *len)
{
	return ask_string(h, t, XS_READ, path, len);
}

bool xs_write(struct xs_handle *h, xs_transaction_t t, const char *path, const void *data,
	unsigned int len)
{
	const struct iovec parts[] = { string(path), { (void *)data, len } };

	return tell(h, t, XS_WRITE, parts, 2);
}

bool xs_mkdir(struct xs_handle *h, xs_transaction_t t, const char *path)
{
	return tell_string(h, t, XS_MKDIR, path);
}

bool xs_rm(struct xs_handle *h, xs_transaction_t t, const char *path)
{
	return tell_string(h, t, XS_RM, path);
}

struct xs_permissions *xs_get_permissions(
	struct xs_handle *h, xs_transaction_t t, const char *path, unsigned int *num)
{
	unsigned len, count;
	char *reply = ask_string(h, t, XS_GET_PERMS, path, &len);
	struct xs_permissions *perms;

	if (!reply)
		return NULL;
	count = xs_count_strings(reply, len);
	perms = malloc(MAX(count, 1) * sizeof(*perms));
	if (perms && xs_strings_to_perms(perms, count, reply)) {
		*num = count;
	} else {
		free(perms);
		perms = NULL;
	}
	free(reply);
	return perms;
}

bool xs_set_permissions(struct xs_handle *h, xs_transaction_t t, const char *path,
	struct xs_permissions *perms, unsigned int num)
{
	char *text = malloc(MAX(num, 1) * MAX_STRLEN(unsigned)), *at = text;
	struct iovec parts[] = { string(path), { text, 0 } };
	bool done = text != NULL;

	for (unsigned i = 0; done && i < num; i++) {
		done = xs_perm_to_string(&perms[i], at, MAX_STRLEN(unsigned));
		at += done ? strlen(at) + 1 : 0;
	}
	parts[1].iov_len = at - text;
	done = done && tell(h, t, XS_SET_PERMS, parts, 2);
	free(text);
	return done;
}

bool xs_watch(struct xs_handle *h, const char *path, const char *token)
{
	const struct iovec parts[] = { string(path), string(token) };
	bool done = tell(h, XBT_NULL, XS_WATCH, parts, 2);

	if (done)
		xs_remember_watch(h, path, token);
	return done;
}

bool xs_unwatch(struct xs_handle *h, const char *path, const char *token)
{
	const struct iovec parts[] = { string(path), string(token) };
	bool done = tell(h, XBT_NULL, XS_UNWATCH, parts, 2);

	if (done)
		xs_forget_watch(h, path, token);
	if (done && h->filter)
		xs_drop_events(h, path, token);
	return done;
}

static char **get_event(struct xs_handle *h, bool wait)
{
	struct message *message = xs_next_event(h, wait);
	char *data;
	unsigned len, num;

	if (!message)
		return NULL;
	len = message->head.len;
	data = memmove(message, message->data, len + 1);
	if (xs_count_strings(data, len) < 2) {
		free(data);
		errno = EIO;
		return NULL;
	}
	return split(data, len, &num);
}

char **xs_check_watch(struct xs_handle *h)
{
	return get_event(h, false);
}

char **xs_read_watch(struct xs_handle *h, unsigned int *num)
{
	char **event = get_event(h, true);

	if (event && num)
		*num = 2;
	return event;
}

xs_transaction_t xs_transaction_start(struct xs_handle *h)
{
	char *reply = ask_string(h, XBT_NULL, XS_TRANSACTION_START, "", NULL);
	uint32_t id = reply ? strtoul(reply, NULL, 10) : 0;

	free(reply);
	return id ? xs_remember_transaction(h, id) : XBT_NULL;
}

bool xs_transaction_end(struct xs_handle *h, xs_transaction_t t, bool abort)
{
	bool done = tell_string(h, t, XS_TRANSACTION_END, abort ? "F" : "T");
	int error = errno;

	xs_forget_transaction(h, t);
	errno = error;
	return done;
}

/* A request with numbers. */
static char *ask_numbers(
	struct xs_handle *h, uint32_t type, const unsigned long *numbers, unsigned count)
{
	char text[3][MAX_STRLEN(unsigned long)];
	struct iovec parts[3];

	for (unsigned i = 0; i < count; i++) {
		sprintf(text[i], "%lu", numbers[i]);
		parts[i] = string(text[i]);
	}
	return xs_talk(h, XBT_NULL, type, parts, count, NULL);
}

static bool tell_numbers(
	struct xs_handle *h, uint32_t type, const unsigned long *numbers, unsigned count)
{
	char *reply = ask_numbers(h, type, numbers, count);

	free(reply);
	return reply != NULL;
}

bool xs_introduce_domain(
	struct xs_handle *h, unsigned int domid, unsigned long mfn, unsigned int eventchn)
{
	return tell_numbers(h, XS_INTRODUCE, (unsigned long[]){ domid, mfn, eventchn }, 3);
}

bool xs_release_domain(struct xs_handle *h, unsigned int domid)
{
	return tell_numbers(h, XS_RELEASE, (unsigned long[]){ domid }, 1);
}

bool xs_resume_domain(struct xs_handle *h, unsigned int domid)
{
	return tell_numbers(h, XS_RESUME, (unsigned long[]){ domid }, 1);
}

bool xs_set_target(struct xs_handle *h, unsigned int domid, unsigned int target)
{
	return tell_numbers(h, XS_SET_TARGET, (unsigned long[]){ domid, target }, 2);
}

bool xs_is_domain_introduced(struct xs_handle *h, unsigned int domid)
{
	char *reply = ask_numbers(h, XS_IS_DOMAIN_INTRODUCED, (unsigned long[]){ domid }, 1);
	bool yes = reply && !strcmp(reply, "T");

	free(reply);
	return yes;
}

char *xs_get_domain_path(struct xs_handle *h, unsigned int domid)
{
	return ask_numbers(h, XS_GET_DOMAIN_PATH, (unsigned long[]){ domid }, 1);
}

bool xs_restrict(struct xs_handle *h, unsigned int domid)
{
	(void)h, (void)domid;
	errno = ENOSYS;
	return false;
}

char *xs_control_command(struct xs_handle *h, const char *cmd, void *data, unsigned int len)
{
	const struct iovec parts[] = { string(cmd), { data, len } };

	return xs_talk(h, XBT_NULL, XS_CONTROL, parts, 2, NULL);
}

char *xs_debug_command(struct xs_handle *h, const char *cmd, void *data, unsigned int len)
{
	return xs_control_command(h, cmd, data, len);
}

int xs_suspend_evtchn_port(int domid)
{
	struct xs_handle *h = xs_open(0);
	char path[64], *port;
	int result = -1;

	if (!h)
		return -1;
	snprintf(path, sizeof(path), "/local/domain/%d/device/suspend/event-channel", domid);
	port = xs_read(h, XBT_NULL, path, NULL);
	if (port)
		result = atoi(port);
	free(port);
	xs_close(h);
	return result;
}
