/*
 * What a guest that is moved, and whoever talks to it, notice of that.
 *
 * pulse serve PAGES      in the guest: answers UDP and TCP on port 7, writes so many pages a
 *                        second, round and round in memory of 32 MiB, and tells with each answer
 *                        the longest time between two of its looks at the clock
 * pulse ask ADDRESS      elsewhere: sends to both every 2 ms until standard input ends; prints what
 *                        came of it
 *
 * Times are the real-time clock's: a guest's monotonic one stands still while it is suspended.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PORT      7
#define PAGES     8192
#define PAGE_SIZE 4096
#define STEP_US   1000
#define ASK_US    2000

struct message {
	uint64_t number;
	uint64_t gap_us;  /* of the guest's clock, the longest so far */
	uint64_t written; /* pages */
};

static uint64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * 1000000ULL + now.tv_nsec / 1000;
}

static int open_socket(int type)
{
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0), on = 1;

	if (fd < 0)
		perror("socket"), exit(1);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	return fd;
}

/* ---- The guest ---- */

struct server {
	struct pollfd fds[3]; /* UDP, who comes by TCP, who is there by TCP */
	uint8_t *memory;
	uint64_t last, gap, written, next;
};

static void answer(struct server *s, int fd)
{
	struct sockaddr_in from;
	socklen_t length = sizeof(from);
	struct message message;

	ssize_t there = recv(fd, &message, sizeof(message), MSG_DONTWAIT | MSG_PEEK);

	if (!there && fd == s->fds[2].fd) {
		close(fd);
		s->fds[2].fd = -1;
	}
	/* A part of one, which TCP may have cut, is left until the rest is there. */
	if (there != sizeof(message) ||
		recvfrom(fd, &message, sizeof(message), MSG_DONTWAIT, (void *)&from, &length) !=
			sizeof(message))
		return;
	message.gap_us = s->gap;
	message.written = s->written;
	/* A TCP socket has no need for the address, and says so. */
	if (sendto(fd, &message, sizeof(message), MSG_NOSIGNAL, length ? (void *)&from : NULL, length) < 0)
		perror("pulse: answer");
}

static void come(struct server *s)
{
	if (s->fds[2].fd >= 0)
		close(s->fds[2].fd);
	s->fds[2].fd = accept(s->fds[1].fd, NULL, NULL);
}

static void look(struct server *s, unsigned rate)
{
	uint64_t now = now_us(), passed = s->last && now > s->last ? now - s->last : 0;

	if (passed > s->gap)
		s->gap = passed;
	s->last = now;
	/* What was left out while it stood still is not made up for. */
	s->next += (passed < 5 * STEP_US ? passed : 5 * STEP_US) * rate;
	for (; s->next >= 1000000; s->next -= 1000000)
		s->memory[s->written++ % PAGES * PAGE_SIZE]++;
}

static int serve(unsigned rate)
{
	struct sockaddr_in any = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	struct server s = { .fds = { { .fd = open_socket(SOCK_DGRAM), .events = POLLIN },
				    { .fd = open_socket(SOCK_STREAM), .events = POLLIN },
				    { .fd = -1, .events = POLLIN } } };
	const struct timespec step = { .tv_nsec = STEP_US * 1000 };

	s.memory = mmap(NULL, PAGES * PAGE_SIZE, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	for (int i = 0; i < 2; i++)
		if (bind(s.fds[i].fd, (void *)&any, sizeof(any)))
			return perror("bind"), 1;
	listen(s.fds[1].fd, 1);
	/* Pages that all differ, none of them zero. */
	for (uint64_t i = 0; i < PAGES; i++)
		for (uint64_t *word = (void *)(s.memory + i * PAGE_SIZE), j = 0; j < 512; j++)
			word[j] = i << 32 | (j + 1);
	for (;;) {
		int ready = ppoll(s.fds, 3, &step, NULL);

		look(&s, rate);
		if (ready > 0 && s.fds[1].revents)
			come(&s);
		for (int i = 0; ready > 0 && i < 3; i += 2)
			if (s.fds[i].revents)
				answer(&s, s.fds[i].fd);
	}
}

/* ---- Whoever talks to it ---- */

struct line {
	const char *name;
	int fd;
	uint64_t sent, answered, last, gap;
	struct message message;
};

static void take(struct line *line)
{
	struct message peek;

	while (recv(line->fd, &peek, sizeof(peek), MSG_DONTWAIT | MSG_PEEK) == sizeof(peek)) {
		uint64_t now = now_us();

		recv(line->fd, &line->message, sizeof(line->message), MSG_DONTWAIT);
		if (line->last && now - line->last > line->gap)
			line->gap = now - line->last;
		line->last = now;
		line->answered++;
	}
}

static void put(struct line *line)
{
	struct message message = { .number = line->sent };

	if (send(line->fd, &message, sizeof(message), MSG_DONTWAIT | MSG_NOSIGNAL) == sizeof(message))
		line->sent++;
}

static int ask(const char *address)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	struct line lines[] = { { .name = "udp", .fd = open_socket(SOCK_DGRAM) },
		{ .name = "tcp", .fd = open_socket(SOCK_STREAM) } };
	struct pollfd fds[] = { { .fd = 0, .events = POLLIN }, { .fd = lines[0].fd, .events = POLLIN },
		{ .fd = lines[1].fd, .events = POLLIN } };
	const struct timespec step = { .tv_nsec = ASK_US * 1000 };
	uint64_t next = now_us();

	inet_pton(AF_INET, address, &to.sin_addr);
	for (int i = 0; i < 2; i++)
		if (connect(lines[i].fd, (void *)&to, sizeof(to)))
			return perror("connect"), 1;
	while (ppoll(fds, 3, &step, NULL) >= 0 && !(fds[0].revents & (POLLHUP | POLLIN))) {
		for (int i = 0; i < 2; i++)
			take(&lines[i]);
		if (now_us() < next)
			continue;
		next = now_us() + ASK_US;
		for (int i = 0; i < 2; i++)
			put(&lines[i]);
	}
	/* What TCP repeats comes late. */
	for (int i = 0; i < 200 && lines[1].answered < lines[1].sent; i++) {
		usleep(20000);
		take(&lines[1]);
	}
	for (int i = 0; i < 2; i++)
		printf("pulse: %s: %lu sent, %lu answered, longest gap %lu us\n", lines[i].name,
			lines[i].sent, lines[i].answered, lines[i].gap);
	printf("pulse: guest: longest gap %lu us, %lu pages written\n", lines[0].message.gap_us,
		lines[0].message.written);
	return lines[1].answered != lines[1].sent;
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IONBF, 0);
	if (argc == 3 && !strcmp(argv[1], "serve"))
		return serve(atoi(argv[2]));
	if (argc == 3 && !strcmp(argv[1], "ask"))
		return ask(argv[2]);
	fprintf(stderr, "usage: pulse serve PAGES | pulse ask ADDRESS\n");
	return 2;
}
