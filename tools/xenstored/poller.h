/* Descriptors that the main loop watches: one epoll descriptor for all, which GLib's loop polls. */
#ifndef XENSTORED_POLLER_H
#define XENSTORED_POLLER_H

#include <stdint.h>
#include <sys/epoll.h>

struct poller {
	void (*ready)(struct poller *poller, uint32_t events);
};

/** Makes the epoll descriptor and attaches it to GLib's main loop. @return 0 or -1 and errno. */
int pollers_init(void);
int poller_add(struct poller *poller, int fd, uint32_t events);
void poller_change(struct poller *poller, int fd, uint32_t events);

/** Before the descriptor is closed. */
void poller_remove(int fd);

#endif
