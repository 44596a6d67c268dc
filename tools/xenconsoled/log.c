/* Log files with or without the time before each line. */
#include "xenconsoled.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* A guest may write without end: what is older than the last two times this much is forgotten. */
#define MAX_SIZE (16 << 20)

struct log {
	int fd;
	off_t size;
	char *path;
	bool stamp;
	bool in_line;    /* the last byte written was no newline */
	bool complained; /* of the disk */
};

static void open_file(struct log *log)
{
	struct stat st;

	/* A name may come from a guest's configuration: never through a link. */
	log->fd = open(log->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (log->fd < 0)
		complain("log %s: %s", log->path, g_strerror(errno));
	log->size = log->fd >= 0 && !fstat(log->fd, &st) ? st.st_size : 0;
}

/* The file becomes NAME.log.1, in place of the one before it. */
static void turn_over(struct log *log)
{
	g_autofree char *old = g_strconcat(log->path, ".1", NULL);

	if (rename(log->path, old)) {
		complain("log %s: %s", old, g_strerror(errno));
		log->size = 0;
		return;
	}
	close(log->fd);
	open_file(log);
}

struct log *log_open(const char *name, bool stamp)
{
	g_autofree char *file = g_strdup_printf("%s.log", name);
	struct log *log;

	g_strdelimit(file, "/", '_');
	if (g_mkdir_with_parents(options.log_dir, 0755))
		complain("log directory %s: %s", options.log_dir, g_strerror(errno));
	log = g_new0(struct log, 1);
	log->path = g_build_filename(options.log_dir, file, NULL);
	log->stamp = stamp;
	open_file(log);
	return log;
}

void log_reopen(struct log *log)
{
	if (!log)
		return;
	if (log->fd >= 0)
		close(log->fd);
	open_file(log);
	log->complained = false;
}

void log_close(struct log *log)
{
	if (!log)
		return;
	if (log->fd >= 0)
		close(log->fd);
	g_free(log->path);
	g_free(log);
}

static void write_out(struct log *log, const char *data, size_t len)
{
	while (len) {
		ssize_t n = write(log->fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			if (!log->complained)
				complain("log %s: %s", log->path, g_strerror(errno));
			log->complained = true;
			return;
		}
		log->complained = false;
		log->size += n;
		data += n;
		len -= n;
	}
	if (log->size >= MAX_SIZE)
		turn_over(log);
}

/* The lines of @data with the time before each. */
static void append_stamped(struct log *log, GString *out, const char *data, size_t len)
{
	char stamp[32];
	struct tm tm;
	time_t now = time(NULL);
	size_t stamp_len =
		strftime(stamp, sizeof(stamp), "[%Y-%m-%d %H:%M:%S] ", localtime_r(&now, &tm));

	while (len) {
		const char *newline = memchr(data, '\n', len);
		size_t n = newline ? newline + 1 - data : len;

		if (!log->in_line)
			g_string_append_len(out, stamp, stamp_len);
		g_string_append_len(out, data, n);
		log->in_line = !newline;
		data += n;
		len -= n;
	}
}

void log_write(struct log *log, const char *data, size_t len)
{
	GString *out;

	if (!log || log->fd < 0)
		return;
	if (!log->stamp) {
		write_out(log, data, len);
		return;
	}
	out = g_string_sized_new(len + 64);
	append_stamped(log, out, data, len);
	write_out(log, out->str, out->len);
	g_string_free(out, TRUE);
}
