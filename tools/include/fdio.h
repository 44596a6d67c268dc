/* Whole reads and writes on file descriptors, and how many there may be. */
#ifndef FDIO_H
#define FDIO_H

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/resource.h>
#include <unistd.h>

/* Reads exactly @len bytes; false with errno, EIO if there are fewer. */
static inline bool fd_read_all(int fd, void *data, size_t len)
{
	while (len) {
		ssize_t done = read(fd, data, len);

		if (done < 0 && errno == EINTR)
			continue;
		if (!done)
			errno = EIO;
		if (done <= 0)
			return false;
		data = (char *)data + done;
		len -= done;
	}
	return true;
}

/* Writes all; waits where a descriptor that does not block is full. False with errno. */
static inline bool fd_write_all(int fd, const void *data, size_t len)
{
	while (len) {
		ssize_t done = write(fd, data, len);

		if (done < 0 && errno == EAGAIN) {
			struct pollfd writable = { .fd = fd, .events = POLLOUT };

			poll(&writable, 1, -1);
			continue;
		}
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return false;
		data = (const char *)data + done;
		len -= done;
	}
	return true;
}

/* Daemons that need some for each domain: as many as the administrator allows. */
static inline void fd_raise_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

#endif
