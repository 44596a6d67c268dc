/*
 * The connection: sending requests, sorting what comes into replies and events, and finding the
 * daemon again.
 *
 * There is no thread of our own. A thread that waits for something reads a message from the
 * connection if no other does, gives it to whom it is for, and looks again; the others wait for it
 * to say that something arrived.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "fdio.h"
#include "private.h"

#define TRIES    50 /* to find a daemon that is being restarted */
#define TRY_MSEC 100

static int open_socket(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const char *path = xs_daemon_socket();
	int fd;

	if (strlen(path) >= sizeof(address.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address))) {
		int error = errno;

		close(fd);
		errno = error;
		return -1;
	}
	return fd;
}

static int open_device(void)
{
	int fd = open("/dev/xen/xenbus", O_RDWR | O_CLOEXEC);

	return fd >= 0 ? fd : open("/proc/xen/xenbus", O_RDWR | O_CLOEXEC);
}

static int poll_too(struct xs_handle *h, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	return epoll_ctl(h->poll_fd, EPOLL_CTL_ADD, fd, &event);
}

static struct xs_handle *handle_new(int fd, bool is_socket, unsigned long flags)
{
	struct xs_handle *h = calloc(1, sizeof(*h));

	if (!h)
		return NULL;
	h->fd = fd;
	h->is_socket = is_socket;
	h->filter = flags & XS_UNWATCH_FILTER;
	h->events_end = &h->events;
	h->poll_fd = epoll_create1(EPOLL_CLOEXEC);
	h->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	pthread_mutex_init(&h->request, NULL);
	pthread_mutex_init(&h->lock, NULL);
	pthread_cond_init(&h->arrived, NULL);
	if (h->poll_fd < 0 || h->wake_fd < 0 || poll_too(h, fd) || poll_too(h, h->wake_fd)) {
		int error = errno;

		xs_close(h);
		errno = error;
		return NULL;
	}
	return h;
}

struct xs_handle *xs_open(unsigned long flags)
{
	struct xs_handle *h;
	int fd = open_socket(), error = errno;
	bool is_socket = fd >= 0;

	if (fd < 0 && !(flags & XS_OPEN_SOCKETONLY))
		fd = open_device();
	if (fd < 0) {
		errno = error;
		return NULL;
	}
	h = handle_new(fd, is_socket, flags);
	if (!h)
		close(fd);
	return h;
}

void xs_close(struct xs_handle *h)
{
	if (!h)
		return;
	for (struct message *next, *message = h->events; message; message = next) {
		next = message->next;
		free(message);
	}
	for (struct known_watch *next, *watch = h->watches; watch; watch = next) {
		next = watch->next;
		free(watch);
	}
	for (struct known_transaction *next, *t = h->transactions; t; t = next) {
		next = t->next;
		free(t);
	}
	free(h->reply);
	if (h->fd >= 0)
		close(h->fd);
	if (h->poll_fd >= 0)
		close(h->poll_fd);
	if (h->wake_fd >= 0)
		close(h->wake_fd);
	pthread_mutex_destroy(&h->request);
	pthread_mutex_destroy(&h->lock);
	pthread_cond_destroy(&h->arrived);
	free(h);
}

void xs_daemon_destroy_postfork(struct xs_handle *h)
{
	xs_close(h);
}

struct xs_handle *xs_daemon_open(void)
{
	return xs_open(0);
}

struct xs_handle *xs_daemon_open_readonly(void)
{
	return xs_open(0);
}

struct xs_handle *xs_domain_open(void)
{
	return xs_open(0);
}

void xs_daemon_close(struct xs_handle *h)
{
	xs_close(h);
}

int xs_fileno(struct xs_handle *h)
{
	return h->poll_fd;
}

static struct message *read_message(int fd)
{
	struct xsd_sockmsg head;
	struct message *message;

	if (!fd_read_all(fd, &head, sizeof(head)))
		return NULL;
	if (head.len > XENSTORE_PAYLOAD_MAX) {
		errno = EIO;
		return NULL;
	}
	message = malloc(sizeof(*message) + head.len + 1);
	if (!message)
		return NULL;
	message->next = NULL;
	message->head = head;
	message->data[head.len] = 0;
	if (fd_read_all(fd, message->data, head.len))
		return message;
	free(message);
	return NULL;
}

/* The device takes a message only as a whole. */
static bool send_message(struct xs_handle *h, const struct xsd_sockmsg *head,
	const struct iovec *parts, unsigned count)
{
	char whole[sizeof(*head) + XENSTORE_PAYLOAD_MAX];
	size_t len = sizeof(*head), sent = 0;

	memcpy(whole, head, len);
	for (unsigned i = 0; i < count; i++) {
		memcpy(whole + len, parts[i].iov_base, parts[i].iov_len);
		len += parts[i].iov_len;
	}
	if (!h->is_socket)
		return xs_write_all(h->fd, whole, len);
	while (sent < len) {
		ssize_t done = send(h->fd, whole + sent, len - sent, MSG_NOSIGNAL);

		if (done < 0 && errno != EINTR)
			return false;
		sent += done < 0 ? 0 : done;
	}
	return true;
}

static void add_event(struct xs_handle *h, struct message *message)
{
	bool first = !h->events;

	*h->events_end = message;
	h->events_end = &message->next;
	if (first)
		eventfd_write(h->wake_fd, 1);
}

/* Gives a message to whom it is for. With the lock. */
static void sort(struct xs_handle *h, struct message *message)
{
	if (message->head.type == XS_WATCH_EVENT) {
		add_event(h, message);
	} else if (h->expecting && !h->reply) {
		h->reply = message;
	} else {
		free(message);
	}
}

/* Tells a fresh daemon a watch of ours. */
static bool watch_again(struct xs_handle *h, int fd, const struct known_watch *watch)
{
	const struct iovec parts[] = {
		{ (void *)watch->path, strlen(watch->path) + 1 },
		{ watch->token, strlen(watch->token) + 1 },
	};
	const struct xsd_sockmsg head = { .type = XS_WATCH,
		.len = parts[0].iov_len + parts[1].iov_len };
	struct message *message;

	h->fd = fd;
	if (!send_message(h, &head, parts, 2))
		return false;
	while ((message = read_message(fd))) {
		bool event = message->head.type == XS_WATCH_EVENT;

		if (event)
			add_event(h, message);
		else
			free(message);
		if (!event)
			return true;
	}
	return false;
}

/* Connects to the daemon that took the place of the one that went. With the lock, and no thread
 * reading. */
static bool reconnect(struct xs_handle *h)
{
	const struct timespec pause = { .tv_nsec = TRY_MSEC * 1000000L };
	int fd = -1;

	if (!h->is_socket || h->dead)
		return false;
	close(h->fd);
	h->fd = -1;
	for (unsigned i = 0; i < TRIES && (fd = open_socket()) < 0; i++)
		nanosleep(&pause, NULL);
	if (fd < 0)
		return false;
	h->fd = fd;
	for (struct known_transaction *t = h->transactions; t; t = t->next)
		t->at_daemon = 0;
	for (struct known_watch *watch = h->watches; watch; watch = watch->next)
		if (!watch_again(h, fd, watch))
			return false;
	return !poll_too(h, fd);
}

/* The connection broke: finds it again or ends the handle. With the lock. */
static void lose(struct xs_handle *h)
{
	h->lost = true;
	if (!reconnect(h))
		h->dead = true;
	pthread_cond_broadcast(&h->arrived);
}

/*
 * Waits until something has come, reading it if nobody else does. With the lock, which is let go
 * meanwhile. False: nothing is there and `wait` is not set.
 */
static bool receive(struct xs_handle *h, bool wait)
{
	struct message *message;
	int fd = h->fd;

	if (h->reading) {
		if (!wait)
			return false;
		pthread_cond_wait(&h->arrived, &h->lock);
		return true;
	}
	if (!wait) {
		struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

		if (poll(&poll_fd, 1, 0) <= 0)
			return false;
	}
	h->reading = true;
	pthread_mutex_unlock(&h->lock);
	message = read_message(fd);
	pthread_mutex_lock(&h->lock);
	h->reading = false;
	if (message)
		sort(h, message);
	else
		lose(h);
	pthread_cond_broadcast(&h->arrived);
	return true;
}

static struct known_transaction *find_transaction(struct xs_handle *h, xs_transaction_t id)
{
	struct known_transaction *t = h->transactions;

	while (t && t->id != id)
		t = t->next;
	return t;
}

/* The daemon's number of a transaction. False and EAGAIN: it went with its daemon. */
static bool at_daemon(struct xs_handle *h, xs_transaction_t id, uint32_t *number)
{
	const struct known_transaction *t = find_transaction(h, id);

	*number = t ? t->at_daemon : id;
	errno = EAGAIN;
	return !t || t->at_daemon;
}

/* Sends and waits; NULL and errno. With the lock. `h->lost` tells that another daemon should be
 * asked. */
static struct message *exchange(
	struct xs_handle *h, struct xsd_sockmsg *head, const struct iovec *parts, unsigned count)
{
	struct message *reply;

	h->lost = false;
	h->expecting = true;
	if (!send_message(h, head, parts, count) && !h->reading)
		lose(h);
	while (!h->reply && !h->lost && !h->dead)
		receive(h, true);
	reply = h->reply;
	h->reply = NULL;
	h->expecting = false;
	if (!reply)
		errno = EIO;
	return reply;
}

static int error_number(const char *name)
{
	for (unsigned i = 0; i < sizeof(xsd_errors) / sizeof(xsd_errors[0]); i++)
		if (!strcmp(xsd_errors[i].errstring, name))
			return xsd_errors[i].errnum;
	return EINVAL;
}

/* The reply's data, in place of the message; NULL and errno when it is an error. */
static char *unpack(struct message *reply, uint32_t type, unsigned *len)
{
	struct xsd_sockmsg head = reply->head;

	if (head.type != type) {
		int error = head.type == XS_ERROR ? error_number(reply->data) : EIO;

		free(reply);
		errno = error;
		return NULL;
	}
	memmove(reply, reply->data, head.len + 1);
	if (len)
		*len = head.len;
	return (char *)reply;
}

char *xs_talk(struct xs_handle *h, xs_transaction_t t, uint32_t type, const struct iovec *parts,
	unsigned count, unsigned *len)
{
	struct xsd_sockmsg head = { .type = type };
	struct message *reply = NULL;
	size_t size = 0;
	int error;

	for (unsigned i = 0; i < count; i++)
		size += parts[i].iov_len;
	if (size > XENSTORE_PAYLOAD_MAX) {
		errno = E2BIG;
		return NULL;
	}
	head.len = size;
	pthread_mutex_lock(&h->request);
	pthread_mutex_lock(&h->lock);
	do {
		if (!at_daemon(h, t, &head.tx_id))
			break;
		reply = exchange(h, &head, parts, count);
	} while (!reply && !h->dead);
	error = errno;
	pthread_mutex_unlock(&h->lock);
	pthread_mutex_unlock(&h->request);
	errno = error;
	return reply ? unpack(reply, type, len) : NULL;
}

struct message *xs_next_event(struct xs_handle *h, bool wait)
{
	struct message *message;
	eventfd_t count;

	pthread_mutex_lock(&h->lock);
	while (!h->events && !h->dead && receive(h, wait))
		;
	message = h->events;
	if (message) {
		h->events = message->next;
		if (!h->events) {
			h->events_end = &h->events;
			eventfd_read(h->wake_fd, &count);
		}
	}
	errno = h->dead ? EIO : EAGAIN;
	pthread_mutex_unlock(&h->lock);
	return message;
}

void xs_drop_events(struct xs_handle *h, const char *path, const char *token)
{
	struct message **at = &h->events;
	eventfd_t count;

	pthread_mutex_lock(&h->lock);
	while (*at) {
		struct message *message = *at;
		const char *seen = message->data + strlen(message->data) + 1;

		if (xs_path_is_subpath(path, message->data) &&
			seen <= message->data + message->head.len && !strcmp(seen, token)) {
			*at = message->next;
			free(message);
		} else {
			at = &message->next;
		}
	}
	h->events_end = at;
	if (!h->events)
		eventfd_read(h->wake_fd, &count);
	pthread_mutex_unlock(&h->lock);
}

void xs_remember_watch(struct xs_handle *h, const char *path, const char *token)
{
	size_t path_size = strlen(path) + 1, token_size = strlen(token) + 1;
	struct known_watch *watch = malloc(sizeof(*watch) + path_size + token_size);

	if (!watch)
		return;
	memcpy(watch->path, path, path_size);
	watch->token = memcpy(watch->path + path_size, token, token_size);
	pthread_mutex_lock(&h->lock);
	watch->next = h->watches;
	h->watches = watch;
	pthread_mutex_unlock(&h->lock);
}

void xs_forget_watch(struct xs_handle *h, const char *path, const char *token)
{
	struct known_watch **at = &h->watches;

	pthread_mutex_lock(&h->lock);
	while (*at && (strcmp((*at)->path, path) || strcmp((*at)->token, token)))
		at = &(*at)->next;
	if (*at) {
		struct known_watch *watch = *at;

		*at = watch->next;
		free(watch);
	}
	pthread_mutex_unlock(&h->lock);
}

xs_transaction_t xs_remember_transaction(struct xs_handle *h, uint32_t at_daemon)
{
	struct known_transaction *t = malloc(sizeof(*t));

	if (!t)
		return XBT_NULL;
	pthread_mutex_lock(&h->lock);
	do {
		h->last_transaction++;
	} while (h->last_transaction == XBT_NULL || find_transaction(h, h->last_transaction));
	*t = (struct known_transaction){ h->transactions, h->last_transaction, at_daemon };
	h->transactions = t;
	pthread_mutex_unlock(&h->lock);
	return t->id;
}

void xs_forget_transaction(struct xs_handle *h, xs_transaction_t id)
{
	struct known_transaction **at = &h->transactions;

	pthread_mutex_lock(&h->lock);
	while (*at && (*at)->id != id)
		at = &(*at)->next;
	if (*at) {
		struct known_transaction *t = *at;

		*at = t->next;
		free(t);
	}
	pthread_mutex_unlock(&h->lock);
}
