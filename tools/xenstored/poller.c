/* The main loop's one source: takes what is ready, then gives turns to the connections that have work. */
#include <glib.h>

#include "conn.h"
#include "poller.h"
#include "socket.h"

#define AT_ONCE 64

struct source {
	GSource source;
	gpointer tag;
	int fd;
};

static int epoll_fd = -1;
static bool waiting; /* a connection stands in line */

static gboolean prepare(GSource *source, gint *timeout)
{
	*timeout = waiting ? 0 : -1;
	return waiting;
}

static gboolean check(GSource *base)
{
	struct source *source = (struct source *)base;

	return waiting || g_source_query_unix_fd(base, source->tag);
}

static gboolean dispatch(GSource *base, GSourceFunc callback, gpointer data)
{
	struct epoll_event events[AT_ONCE];
	int count = epoll_wait(epoll_fd, events, AT_ONCE, 0);

	(void)base, (void)callback, (void)data;
	for (int i = 0; i < count; i++) {
		struct poller *poller = events[i].data.ptr;

		poller->ready(poller, events[i].events);
	}
	waiting = conns_run();
	sockets_flush();
	return G_SOURCE_CONTINUE;
}

static GSourceFuncs functions = { .prepare = prepare, .check = check, .dispatch = dispatch };

int pollers_init(void)
{
	struct source *source;

	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (epoll_fd < 0)
		return -1;
	source = (struct source *)g_source_new(&functions, sizeof(*source));
	source->tag = g_source_add_unix_fd(&source->source, epoll_fd, G_IO_IN);
	g_source_attach(&source->source, NULL);
	g_source_unref(&source->source);
	return 0;
}

int poller_add(struct poller *poller, int fd, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = poller };

	return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event);
}

void poller_change(struct poller *poller, int fd, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = poller };

	epoll_ctl(epoll_fd, EPOLL_CTL_MOD, fd, &event);
}

void poller_remove(int fd)
{
	epoll_ctl(epoll_fd, EPOLL_CTL_DEL, fd, NULL);
}
