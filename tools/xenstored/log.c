/* Messages and trace. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <time.h>

#include <glib.h>

#include "log.h"

static FILE *file;
static char *file_path;
static bool enabled, verbose;

void log_error(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	char *text = g_strdup_vprintf(format, args);
	va_end(args);
	fprintf(stderr, "xenstored: %s\n", text);
	syslog(LOG_ERR, "%s", text);
	trace("%s", text);
	g_free(text);
}

bool trace_open(const char *path)
{
	FILE *fresh = fopen(path, "ae");
	char *copy;

	if (!fresh)
		return false;
	if (file)
		fclose(file);
	setlinebuf(fresh);
	file = fresh;
	copy = g_strdup(path);
	g_free(file_path);
	file_path = copy;
	enabled = true;
	return true;
}

void trace_reopen(void)
{
	bool was = enabled;

	if (file_path && !trace_open(file_path))
		log_error(
			"trace file %s: %s; going on with the old one", file_path, strerror(errno));
	enabled = was;
}

void trace_enable(bool on)
{
	enabled = on;
}

bool trace_on(void)
{
	return verbose || (enabled && file);
}

void trace_verbose(void)
{
	verbose = true;
}

static void put_line(FILE *to, const char *text)
{
	struct timespec now;
	struct tm local;
	char stamp[32];

	clock_gettime(CLOCK_REALTIME, &now);
	localtime_r(&now.tv_sec, &local);
	strftime(stamp, sizeof(stamp), "%Y%m%d %T", &local);
	fprintf(to, "%s.%03ld %s\n", stamp, now.tv_nsec / 1000000, text);
}

void trace(const char *format, ...)
{
	va_list args;

	if (!trace_on())
		return;
	va_start(args, format);
	char *text = g_strdup_vprintf(format, args);
	va_end(args);
	if (enabled && file)
		put_line(file, text);
	if (verbose)
		put_line(stderr, text);
	g_free(text);
}

void trace_message(const char *what, unsigned domid, const void *conn, const char *type,
	const char *data, size_t len)
{
	char *text;

	if (!trace_on())
		return;
	text = g_malloc(len + 1);
	memcpy(text, data, len);
	text[len] = 0;
	for (size_t i = 0; i < len; i++)
		if (!data[i])
			text[i] = ' ';
		else if ((unsigned char)data[i] < ' ' || (unsigned char)data[i] > '~')
			text[i] = '?';
	trace("%s d%u %p %s (%s)", what, domid, conn, type, g_strchomp(text));
	g_free(text);
}
