/* Viewers of a console: its pseudo-terminal, and connections to its socket. */
#include "xenconsoled.h"

#include <errno.h>
#include <glib-unix.h>
#include <string.h>
#include <unistd.h>

/* Bytes shown to one viewer before others get their turn. */
#define TURN 16384

struct viewer {
	struct viewer_host *host;
	int fd;
	bool permanent;
	uint64_t pos;
	guint readable, writable; /* sources in the main loop; 0: not waiting */
	char typed[256];          /* read, and not yet taken by the guest */
	size_t typed_len;
};

static gboolean on_readable(gint fd, GIOCondition condition, gpointer data);

struct viewer *viewer_new(struct viewer_host *host, int fd, bool permanent, uint64_t pos)
{
	struct viewer *viewer = g_new0(struct viewer, 1);

	g_unix_set_fd_nonblocking(fd, TRUE, NULL);
	viewer->host = host;
	viewer->fd = fd;
	viewer->permanent = permanent;
	viewer->pos = pos;
	viewer->readable = g_unix_fd_add(fd, G_IO_IN, on_readable, viewer);
	host->viewers = g_list_prepend(host->viewers, viewer);
	return viewer;
}

void viewer_free(struct viewer *viewer)
{
	viewer->host->viewers = g_list_remove(viewer->host->viewers, viewer);
	if (viewer->readable)
		g_source_remove(viewer->readable);
	if (viewer->writable)
		g_source_remove(viewer->writable);
	close(viewer->fd);
	g_free(viewer);
}

/* Offers what was typed to the guest; false when some is left over. */
static bool pass_on(struct viewer *viewer)
{
	size_t taken = viewer->host->type(viewer->host, viewer->typed, viewer->typed_len);

	viewer->typed_len -= taken;
	memmove(viewer->typed, viewer->typed + taken, viewer->typed_len);
	return !viewer->typed_len;
}

static gboolean on_readable(gint fd, GIOCondition condition, gpointer data)
{
	struct viewer *viewer = data;
	ssize_t n = read(
		fd, viewer->typed + viewer->typed_len, sizeof(viewer->typed) - viewer->typed_len);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return G_SOURCE_CONTINUE;
	/* A terminal stays when its last reader goes. */
	if (n <= 0) {
		viewer->readable = 0;
		if (!viewer->permanent)
			viewer_free(viewer);
		return G_SOURCE_REMOVE;
	}
	viewer->typed_len += n;
	if (pass_on(viewer))
		return G_SOURCE_CONTINUE;
	/* Until the guest has taken it, no more is read. */
	viewer->readable = 0;
	return G_SOURCE_REMOVE;
}

enum progress { CAUGHT_UP, MUST_WAIT, GONE };

static enum progress show(struct viewer *viewer)
{
	struct viewer_host *host = viewer->host;
	size_t shown = 0;

	while (shown < TURN) {
		const char *data;
		size_t len = history_peek(&host->history, &viewer->pos, &data);
		ssize_t n;

		if (!len)
			return CAUGHT_UP;
		n = write(viewer->fd, data, MIN(len, TURN));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN || viewer->permanent ? MUST_WAIT : GONE;
		viewer->pos += n;
		shown += n;
		if (!viewer->permanent)
			host->seen = MAX(host->seen, viewer->pos);
	}
	return MUST_WAIT;
}

static gboolean on_writable(gint fd, GIOCondition condition, gpointer data)
{
	struct viewer *viewer = data;
	enum progress progress = show(viewer);

	if (progress == MUST_WAIT)
		return G_SOURCE_CONTINUE;
	viewer->writable = 0;
	if (progress == GONE || (viewer->host->closing && !viewer->permanent))
		viewer_free(viewer);
	return G_SOURCE_REMOVE;
}

static void wake(struct viewer *viewer)
{
	if (viewer->typed_len && !viewer->readable && pass_on(viewer))
		viewer->readable = g_unix_fd_add(viewer->fd, G_IO_IN, on_readable, viewer);
	if (!viewer->writable && (viewer->pos < viewer->host->history.end || viewer->host->closing))
		viewer->writable = g_unix_fd_add(viewer->fd, G_IO_OUT, on_writable, viewer);
}

void viewer_wake_all(struct viewer_host *host)
{
	for (GList *l = host->viewers; l; l = l->next)
		wake(l->data);
}

uint64_t viewer_fastest(const struct viewer_host *host)
{
	uint64_t fastest = MAX(host->seen, host->history.start);

	for (GList *l = host->viewers; l; l = l->next)
		fastest = MAX(fastest, ((struct viewer *)l->data)->pos);
	return fastest;
}
