/*
 * Connections over a domain's shared page.
 *
 * The daemon may be killed at any instant and another take the connection up without the domain
 * noticing. So all that the page does not show lives in a file that is mapped (struct state): the
 * bytes of a request taken so far, the reply, the message being sent. Each step ends with one store
 * of 64 bits that makes it count:
 *
 *   bytes of a request copied      -> taken; then the page's req_cons
 *   request carried out, journal   -> the journal's record holds its number
 *   reply copied                   -> reply
 *   request done                   -> taken, with the next number and no bytes
 *   message copied to `out`        -> sending, then, for a reply, started
 *   bytes of it copied to the page -> the page's rsp_prod
 *
 * A request is taken only when the reply before it is on its way, so there is never more than one
 * reply.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>

#include "hv.h"
#include "journal.h"
#include "log.h"
#include "quota.h"
#include "ring.h"

#define MESSAGE_MAX (sizeof(struct xsd_sockmsg) + XENSTORE_PAYLOAD_MAX)
#define STATE_MAGIC 0x58535231u
#define IS_REPLY    0x8000u

struct state {
	uint32_t magic;
	_Atomic uint16_t started; /* number of the last reply of which sending began */
	_Atomic uint32_t reply;   /* number << 16 | length */
	_Atomic uint64_t taken;   /* req_cons << 32 | requests done << 16 | bytes in `in` */
	_Atomic uint64_t
		sending; /* rsp_prod at its start << 32 | number << 16 | IS_REPLY | length */
	char in[MESSAGE_ROOM], out[MESSAGE_MAX], reply_data[MESSAGE_MAX];
};

struct ring {
	struct conn conn;
	struct xenstore_domain_interface *page;
	uint32_t port; /* ours */
	struct state *state;
	bool mapped; /* the state is in a file */
	bool broken; /* the domain broke the protocol; nothing until it reconnects */
	bool reply_waits;
	uint32_t rsp_prod;
	unsigned sent;       /* bytes of the message being sent */
	GByteArray *events;  /* messages */
	size_t first;        /* byte of `events` not yet taken */
	size_t reply_behind; /* bytes of `events` that go before the reply */
};

static GHashTable *by_port;

static struct ring *ring_of(struct conn *conn)
{
	return (struct ring *)conn;
}

static uint32_t taken_cons(const struct state *state)
{
	return state->taken >> 32;
}

static uint16_t taken_number(const struct state *state)
{
	return state->taken >> 16;
}

static unsigned taken_bytes(const struct state *state)
{
	return state->taken & 0xffff;
}

static void set_taken(struct state *state, uint32_t cons, uint16_t number, unsigned bytes)
{
	state->taken = (uint64_t)cons << 32 | (uint32_t)number << 16 | bytes;
}

static unsigned sending_len(const struct state *state)
{
	return state->sending & (IS_REPLY - 1);
}

uint16_t ring_sequence(const struct conn *conn)
{
	return taken_number(((const struct ring *)conn)->state) + 1;
}

/* The domain broke the rules: says why in the page and goes deaf. */
static void ring_break(struct ring *ring, uint32_t error)
{
	if (ring->broken)
		return;
	ring->broken = true;
	log_error("domain %u broke the ring protocol (error %u); its connection is stopped",
		ring->conn.domain->domid, error);
	ring->page->error = error;
	conn_reset(&ring->conn);
	journal_reset(ring->conn.domain->domid);
	journal_end(NULL);
	hv_notify(ring->port);
}

static uint32_t read_index(const XENSTORE_RING_IDX *index)
{
	uint32_t value = *(const volatile XENSTORE_RING_IDX *)index;

	atomic_thread_fence(memory_order_acquire);
	return value;
}

static void write_index(XENSTORE_RING_IDX *index, uint32_t value)
{
	atomic_thread_fence(memory_order_seq_cst);
	*(volatile XENSTORE_RING_IDX *)index = value;
}

/* Takes up to `want` bytes of requests. @return how many, or -1 when the indices are wrong. */
static int take(struct ring *ring, unsigned want)
{
	struct state *state = ring->state;
	uint32_t cons = taken_cons(state), prod = read_index(&ring->page->req_prod);
	unsigned have = prod - cons, bytes = taken_bytes(state);

	if (have > XENSTORE_RING_SIZE) {
		ring_break(ring, XENSTORE_ERROR_RINGIDX);
		return -1;
	}
	have = MIN(have, want);
	for (unsigned done = 0; done < have;) {
		unsigned at = MASK_XENSTORE_IDX(cons + done);
		unsigned part = MIN(have - done, XENSTORE_RING_SIZE - at);

		memcpy(state->in + bytes + done, ring->page->req + at, part);
		done += part;
	}
	if (have) {
		set_taken(state, cons + have, taken_number(state), bytes + have);
		write_index(&ring->page->req_cons, cons + have);
	}
	return have;
}

/* Brings in what is missing of a request. @return whether it is whole. */
static bool take_request(struct ring *ring, struct xsd_sockmsg *head, bool *moved)
{
	struct state *state = ring->state;

	for (;;) {
		unsigned bytes = taken_bytes(state), whole = sizeof(*head);
		int done;

		if (bytes >= sizeof(*head)) {
			memcpy(head, state->in, sizeof(*head));
			if (head->len > XENSTORE_PAYLOAD_MAX) {
				ring_break(ring, XENSTORE_ERROR_PROTO);
				return false;
			}
			whole += head->len;
			if (bytes == whole)
				return true;
		}
		done = take(ring, whole - bytes);
		if (done <= 0)
			return false;
		*moved = true;
	}
}

/* Copies what fits of the message being sent. @return whether all of it is in the page. */
static bool put(struct ring *ring, bool *moved)
{
	struct state *state = ring->state;
	unsigned len = sending_len(state);
	uint32_t queued = ring->rsp_prod - read_index(&ring->page->rsp_cons);

	if (queued > XENSTORE_RING_SIZE) {
		ring_break(ring, XENSTORE_ERROR_RINGIDX);
		return false;
	}
	while (ring->sent < len && queued < XENSTORE_RING_SIZE) {
		unsigned at = MASK_XENSTORE_IDX(ring->rsp_prod);
		unsigned part = MIN(len - ring->sent, XENSTORE_RING_SIZE - queued);

		part = MIN(part, XENSTORE_RING_SIZE - at);
		memcpy(ring->page->rsp + at, state->out + ring->sent, part);
		ring->sent += part;
		ring->rsp_prod += part;
		queued += part;
		write_index(&ring->page->rsp_prod, ring->rsp_prod);
		*moved = true;
	}
	return ring->sent == len;
}

static void begin(struct ring *ring, const void *data, unsigned len, uint16_t number, bool is_reply)
{
	struct state *state = ring->state;

	memcpy(state->out, data, len);
	state->sending = (uint64_t)ring->rsp_prod << 32 | (uint32_t)number << 16 |
			 (is_reply ? IS_REPLY : 0) | len;
	ring->sent = 0;
	if (is_reply) {
		state->started = number;
		ring->reply_waits = false;
	}
}

/* Makes the next message the one being sent. False when there is none. */
static bool next_message(struct ring *ring)
{
	struct xsd_sockmsg head;
	unsigned len;

	if (ring->reply_waits && !ring->reply_behind) {
		uint32_t reply = ring->state->reply;

		begin(ring, ring->state->reply_data, reply & 0xffff, reply >> 16, true);
		return true;
	}
	if (ring->first == ring->events->len) {
		g_byte_array_set_size(ring->events, 0);
		ring->first = 0;
		return false;
	}
	memcpy(&head, ring->events->data + ring->first, sizeof(head));
	len = sizeof(head) + head.len;
	begin(ring, ring->events->data + ring->first, len, 0, false);
	ring->first += len;
	if (ring->reply_waits)
		ring->reply_behind -= len;
	return true;
}

static void send_all(struct ring *ring, bool *moved)
{
	while (!ring->broken && put(ring, moved) && next_message(ring))
		;
}

static void drop_event(struct ring *ring)
{
	struct domain *domain = ring->conn.domain;

	if (!domain->warned)
		log_error("domain %u does not read its watch events; some are lost", domain->domid);
	domain->warned = true;
}

static void ring_send(
	struct conn *conn, const struct xsd_sockmsg *head, const void *data, bool is_reply)
{
	struct ring *ring = ring_of(conn);
	struct state *state = ring->state;
	uint16_t number = taken_number(state) + 1;

	if (ring->broken)
		return;
	if (is_reply) {
		memcpy(state->reply_data, head, sizeof(*head));
		memcpy(state->reply_data + sizeof(*head), data, head->len);
		state->reply = (uint32_t)number << 16 | (sizeof(*head) + head->len);
		set_taken(state, taken_cons(state), number, 0);
		ring->reply_waits = true;
		ring->reply_behind = ring->events->len - ring->first;
		return;
	}
	if (ring->events->len - ring->first > quota(QUOTA_MEMORY)) {
		drop_event(ring);
		return;
	}
	bytes_forget(ring->events, &ring->first);
	g_byte_array_append(ring->events, (const guint8 *)head, sizeof(*head));
	g_byte_array_append(ring->events, data, head->len);
	conn_wake(conn);
}

/* Begins the connection anew at the domain's wish: nothing of the old one is left. */
static void reconnect(struct ring *ring)
{
	struct xenstore_domain_interface *page = ring->page;

	conn_reset(&ring->conn);
	journal_reset(ring->conn.domain->domid);
	journal_end(NULL);
	ring->state->sending = 0;
	ring->state->started = ring->state->reply >> 16;
	set_taken(ring->state, 0, taken_number(ring->state), 0);
	ring->sent = ring->rsp_prod = 0;
	ring->reply_waits = ring->broken = false;
	ring->first = 0;
	g_byte_array_set_size(ring->events, 0);
	page->req_cons = page->req_prod = page->rsp_cons = page->rsp_prod = 0;
	page->error = XENSTORE_ERROR_NONE;
	write_index(&page->connection, XENSTORE_CONNECTED);
	hv_notify(ring->port);
}

static bool ring_turn(struct conn *conn)
{
	struct ring *ring = ring_of(conn);
	struct xsd_sockmsg head;
	unsigned requests = 0, most = quota(QUOTA_OUTSTANDING);
	bool moved = false;

	if (read_index(&ring->page->connection) == XENSTORE_RECONNECT)
		reconnect(ring);
	while (!ring->broken && requests < most) {
		send_all(ring, &moved);
		if (ring->broken || ring->reply_waits || !take_request(ring, &head, &moved))
			break;
		ring->state->in[sizeof(head) + head.len] = 0;
		request_run(conn, &head, ring->state->in + sizeof(head));
		requests++;
	}
	send_all(ring, &moved);
	if (moved)
		hv_notify(ring->port);
	return !ring->broken && requests == most;
}

const struct transport ring_transport = { .send = ring_send, .turn = ring_turn };

void ring_event(uint32_t port)
{
	struct ring *ring = by_port ? g_hash_table_lookup(by_port, GUINT_TO_POINTER(port)) : NULL;

	if (ring)
		conn_wake(&ring->conn);
}

static char *state_path(const struct domain *domain)
{
	char name[20];

	g_snprintf(name, sizeof(name), "ring.%u", domain->domid);
	return journal_file(name);
}

/* The state in its file; in plain memory when there is no journal, or no room. */
static void open_state(struct ring *ring, bool resume)
{
	char *path = state_path(ring->conn.domain);
	int fd =
		path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC | (resume ? 0 : O_TRUNC), 0600) : -1;
	void *state = MAP_FAILED;

	if (fd >= 0 && !posix_fallocate(fd, 0, sizeof(struct state)))
		state = mmap(NULL, sizeof(struct state), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (fd >= 0)
		close(fd);
	if (path && state == MAP_FAILED)
		log_error("%s: %s; the connection will not outlive this daemon", path,
			strerror(errno));
	g_free(path);
	ring->mapped = state != MAP_FAILED;
	ring->state = ring->mapped ? state : g_new0(struct state, 1);
}

static void close_state(struct ring *ring)
{
	char *path = state_path(ring->conn.domain);

	if (ring->mapped)
		munmap(ring->state, sizeof(*ring->state));
	else
		g_free(ring->state);
	if (path)
		unlink(path);
	g_free(path);
}

/* A request that was carried out without its reply being noted: makes up for that. */
static void finish_request(struct ring *ring, int last, const char *result)
{
	struct state *state = ring->state;
	struct xsd_sockmsg head;
	uint16_t number = taken_number(state) + 1;

	memcpy(&head, state->in, sizeof(head));
	if (taken_bytes(state) < sizeof(head) || taken_bytes(state) != sizeof(head) + head.len)
		return;
	if (state->reply >> 16 == number) {
		set_taken(state, taken_cons(state), number, 0);
	} else if (last == number) {
		head.len = strlen(result) + 1;
		ring_send(&ring->conn, &head, result, true);
	}
}

/* Goes on where the state says that the daemon before stopped. */
static void take_up(struct ring *ring, int last, const char *result)
{
	struct state *state = ring->state;
	struct xenstore_domain_interface *page = ring->page;
	uint16_t replied;

	ring->rsp_prod = page->rsp_prod;
	ring->sent = MIN(ring->rsp_prod - (uint32_t)(state->sending >> 32), sending_len(state));
	finish_request(ring, last, result);
	write_index(&page->req_cons, taken_cons(state));
	replied = state->reply >> 16;
	if ((state->sending & IS_REPLY) && (uint16_t)(state->sending >> 16) == replied)
		state->started = replied;
	ring->reply_waits = replied != state->started;
	ring->reply_behind = 0;
}

static void start(struct ring *ring)
{
	struct xenstore_domain_interface *page = ring->page;

	set_taken(ring->state, page->req_cons, 0, 0);
	ring->state->magic = STATE_MAGIC;
	ring->rsp_prod = page->rsp_prod;
}

/* Maps the page and binds the port. */
static int connect_ring(struct ring *ring, struct domain *domain)
{
	uint32_t remote = domain->port;
	int port;

	ring->page = domain->domid ? hv_map_ring(domain->domid, domain->gfn) : hv_own_ring(&remote);
	if (!ring->page)
		return EINVAL;
	port = hv_bind(domain->domid, remote);
	if (port < 0) {
		hv_unmap_ring(domain->domid, ring->page);
		return EINVAL;
	}
	domain->port = remote;
	ring->port = port;
	return 0;
}

int ring_open(struct domain *domain, bool resume, int last, const char *result)
{
	struct ring *ring = g_new0(struct ring, 1);
	int error = connect_ring(ring, domain);

	if (error) {
		g_free(ring);
		return error;
	}
	conn_init(&ring->conn, &ring_transport, domain);
	ring->events = g_byte_array_new();
	open_state(ring, resume);
	if (resume && ring->state->magic == STATE_MAGIC)
		take_up(ring, last, result);
	else
		start(ring);
	domain->conn = &ring->conn;
	if (!by_port)
		by_port = g_hash_table_new(NULL, NULL);
	g_hash_table_insert(by_port, GUINT_TO_POINTER(ring->port), ring);
	ring->page->server_features =
		XENSTORE_SERVER_FEATURE_RECONNECTION | XENSTORE_SERVER_FEATURE_ERROR;
	if (!resume)
		ring->page->error = XENSTORE_ERROR_NONE;
	if (ring->page->connection == XENSTORE_RECONNECT && !resume)
		write_index(&ring->page->connection, XENSTORE_CONNECTED);
	conn_wake(&ring->conn);
	hv_notify(ring->port);
	return 0;
}

void ring_close(struct domain *domain)
{
	struct ring *ring;

	if (!domain->conn)
		return;
	ring = ring_of(domain->conn);
	conn_fini(&ring->conn);
	g_hash_table_remove(by_port, GUINT_TO_POINTER(ring->port));
	hv_unbind(ring->port);
	hv_unmap_ring(domain->domid, ring->page);
	close_state(ring);
	g_byte_array_free(ring->events, TRUE);
	g_free(ring);
	domain->conn = NULL;
}
