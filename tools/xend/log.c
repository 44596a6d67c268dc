#include "log.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "error.h"

static const char *const names[] = {
	[LOG_LEVEL_DEBUG] = "DEBUG",
	[LOG_LEVEL_INFO] = "INFO",
	[LOG_LEVEL_WARNING] = "WARNING",
	[LOG_LEVEL_ERROR] = "ERROR",
	[LOG_LEVEL_CRITICAL] = "CRITICAL",
};

static GMutex lock;
static int file = STDERR_FILENO;
static enum log_level lowest = LOG_LEVEL_INFO;

bool log_level_parse(const char *name, enum log_level *level)
{
	for (unsigned int i = 0; i < G_N_ELEMENTS(names); i++)
		if (!g_ascii_strcasecmp(name, names[i])) {
			*level = i;
			return true;
		}
	return false;
}

bool log_open(const char *path, enum log_level level, GError **error)
{
	int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);

	if (fd < 0)
		return fail_errno(error, "cannot write the log %s", path), false;
	g_mutex_lock(&lock);
	if (file != STDERR_FILENO)
		close(file);
	file = fd;
	lowest = level;
	g_mutex_unlock(&lock);
	return true;
}

void log_message(enum log_level level, const char *format, ...)
{
	g_autofree char *text = NULL, *line = NULL, *time = NULL;
	g_autoptr(GDateTime) now = NULL;
	va_list args;
	gsize length;

	if (level < lowest)
		return;
	va_start(args, format);
	text = g_strdup_vprintf(format, args);
	va_end(args);
	/* What guests and callers say must not forge lines. */
	g_strdelimit(text, "\n\r", ' ');
	now = g_date_time_new_now_local();
	time = g_date_time_format(now, "%Y-%m-%d %H:%M:%S");
	line = g_strdup_printf("[%s %d] %s %s\n", time, getpid(), names[level], text);
	length = strlen(line);
	g_mutex_lock(&lock);
	if (write(file, line, length) != (gssize)length && file != STDERR_FILENO)
		fputs(line, stderr);
	g_mutex_unlock(&lock);
}
