/*
 * The main loop. It is epoll itself, not GLib's loop, which costs as many instructions as a
 * request: there are no timers and no libraries with sources of their own.
 */
#include "conn.h"
#include "poller.h"
#include "socket.h"

#define AT_ONCE 64

static int epoll_fd = -1;
static bool stopped;

int pollers_init(void)
{
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	return epoll_fd < 0 ? -1 : 0;
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

void pollers_run(void)
{
	struct epoll_event events[AT_ONCE];
	bool waiting = conns_run();

	while (!stopped) {
		int count;

		sockets_flush();
		count = epoll_wait(epoll_fd, events, AT_ONCE, waiting ? 0 : -1);
		for (int i = 0; i < count; i++) {
			struct poller *poller = events[i].data.ptr;

			poller->ready(poller, events[i].events);
		}
		waiting = conns_run();
	}
}

void pollers_stop(void)
{
	stopped = true;
}
