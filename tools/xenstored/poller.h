/* The main loop: waits for descriptors, then gives turns to the connections that have work. */
#ifndef XENSTORED_POLLER_H
#define XENSTORED_POLLER_H

#include <stdint.h>
#include <sys/epoll.h>

struct poller {
	void (*ready)(struct poller *poller, uint32_t events);
};

/** @return 0 or -1 and errno. */
int pollers_init(void);
int poller_add(struct poller *poller, int fd, uint32_t events);
void poller_change(struct poller *poller, int fd, uint32_t events);

/** Before the descriptor is closed. */
void poller_remove(int fd);

/** Runs until pollers_stop(). */
void pollers_run(void);
void pollers_stop(void);

#endif
