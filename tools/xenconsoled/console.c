/* One guest's console: from its ring to what is kept, the log and the viewers, and back. */
#include "xenconsoled.h"

#include <errno.h>
#include <glib-unix.h>
#include <pty.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#include "public/io/console.h"

#define SOCKET_DIR    RUNDIR "/console"
#define DEFAULT_LIMIT (1024 * 1024)
#define MAX_LIMIT     (64 * 1024 * 1024)

/* A guest's share: this many bytes in each tick. What is more waits in its ring, and it with it. */
#define TICK_MS 100
#define SHARE   (64 * 1024)
/* An event costs as much of it, or a guest could keep us busy with nothing but events. */
#define EVENT_COST 64

/* How long the viewers of a dead domain may take to see its last words. */
#define LINGER_TICKS     50
#define TERMINAL_LINGERS 10

struct console {
	struct viewer_host host; /* first: a host is its console */
	uint32_t domid;
	uint64_t ring_ref;
	evtchn_port_t remote, local;
	struct xencons_interface *ring;
	bool granted; /* mapped by its grant */
	struct log *log;
	int terminal; /* slave side, held open so that the master does not hang up; or -1 */
	int listener; /* socket, or -1 */
	guint accepting;
	char *socket_path;
	size_t served; /* bytes in this tick */
	bool waiting;  /* for the next tick; the event is masked */
	bool confused; /* its ring had impossible indices, which was mentioned */
	guint lingering;
	unsigned age; /* ticks since the domain died */
};

static GHashTable *consoles; /* by domid */
static GHashTable *by_port;
static xengnttab_handle *grants;
static guint tick;

/* ---- Moving bytes ---- */

/* How much of the guest's output may be taken now. */
static size_t room(const struct console *con)
{
	size_t share = SHARE - MIN(con->served, SHARE);
	size_t limit = con->host.history.limit;
	uint64_t unseen;

	if (options.discard)
		return share;
	unseen = con->host.history.end - viewer_fastest(&con->host);
	return MIN(share, limit - MIN(unseen, limit));
}

/* Takes output out of the ring; returns how much. The guest may change anything in it at any time.
 */
static size_t take_output(struct console *con)
{
	struct xencons_interface *ring = con->ring;
	uint32_t cons = __atomic_load_n(&ring->out_cons, __ATOMIC_RELAXED);
	uint32_t prod = __atomic_load_n(&ring->out_prod, __ATOMIC_ACQUIRE);
	char copy[sizeof(ring->out)];
	size_t len = prod - cons, n = 0;

	if (len > sizeof(ring->out)) {
		if (!con->confused)
			mention("domain %u has impossible indices in its console's ring",
				con->domid);
		con->confused = true;
		__atomic_store_n(&ring->out_cons, prod, __ATOMIC_RELEASE);
		return 0;
	}
	len = MIN(len, room(con));
	for (n = 0; n < len; n++)
		copy[n] = ring->out[(cons + n) & (sizeof(ring->out) - 1)];
	if (!len)
		return 0;
	__atomic_store_n(&ring->out_cons, cons + (uint32_t)len, __ATOMIC_SEQ_CST);
	history_append(&con->host.history, copy, len);
	log_write(con->log, copy, len);
	con->served += len;
	return len;
}

static bool more_output(const struct console *con)
{
	return __atomic_load_n(&con->ring->out_prod, __ATOMIC_ACQUIRE) != con->ring->out_cons;
}

static gboolean on_tick(gpointer data);

static void serve(struct console *con)
{
	if (!con->ring)
		return;
	if (take_output(con))
		xenevtchn_notify(events, con->local);
	viewer_wake_all(&con->host);
	con->waiting = con->served >= SHARE || (more_output(con) && !room(con));
	if (con->waiting && !tick)
		tick = g_timeout_add(TICK_MS, on_tick, NULL);
	if (!con->waiting)
		xenevtchn_unmask(events, con->local);
}

static gboolean on_tick(gpointer data)
{
	GHashTableIter iter;
	gpointer value;
	bool any = false;

	g_hash_table_iter_init(&iter, consoles);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		struct console *con = value;
		bool busy = con->waiting || con->served;

		con->served = 0;
		if (con->waiting)
			serve(con);
		any |= busy;
	}
	if (!any)
		tick = 0;
	return any;
}

void console_event(evtchn_port_t port)
{
	struct console *con = g_hash_table_lookup(by_port, GUINT_TO_POINTER(port));

	if (!con) {
		xenevtchn_unmask(events, port);
		return;
	}
	/* Shares are counted by ticks, so one must come. */
	if (!tick)
		tick = g_timeout_add(TICK_MS, on_tick, NULL);
	con->served += EVENT_COST;
	serve(con);
}

/* What was typed goes into the ring as far as there is room. */
static size_t type_in(struct viewer_host *host, const char *data, size_t len)
{
	struct console *con = (struct console *)host;
	struct xencons_interface *ring = con->ring;
	uint32_t cons, prod;
	size_t free;

	/* A dead domain takes everything. */
	if (!ring)
		return len;
	cons = __atomic_load_n(&ring->in_cons, __ATOMIC_ACQUIRE);
	prod = __atomic_load_n(&ring->in_prod, __ATOMIC_RELAXED);
	free = sizeof(ring->in) - MIN((size_t)(prod - cons), sizeof(ring->in));
	len = MIN(len, free);
	for (size_t i = 0; i < len; i++)
		ring->in[(prod + i) & (sizeof(ring->in) - 1)] = data[i];
	if (len) {
		__atomic_store_n(&ring->in_prod, prod + (uint32_t)len, __ATOMIC_SEQ_CST);
		xenevtchn_notify(events, con->local);
	}
	return len;
}

/* ---- Viewers ---- */

static void open_terminal(struct console *con)
{
	struct termios raw;
	char name[64];
	int master;

	if (openpty(&master, &con->terminal, NULL, NULL, NULL)) {
		complain("no terminal for domain %u: %s", con->domid, g_strerror(errno));
		con->terminal = -1;
		return;
	}
	tcgetattr(con->terminal, &raw);
	cfmakeraw(&raw);
	tcsetattr(con->terminal, TCSANOW, &raw);
	if (ptsname_r(master, name, sizeof(name))) {
		complain("no terminal for domain %u: %s", con->domid, g_strerror(errno));
		close(master);
		return;
	}
	viewer_new(&con->host, master, true, con->host.history.start);
	store_write(con->domid, "console/tty", name);
}

/* A connection first sees what nobody has seen. */
static gboolean on_connection(gint fd, GIOCondition condition, gpointer data)
{
	struct console *con = data;
	int connection = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

	if (connection >= 0) {
		viewer_new(&con->host, connection, false, con->host.seen);
		viewer_wake_all(&con->host);
	}
	return G_SOURCE_CONTINUE;
}

static void open_socket(struct console *con)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	con->socket_path = g_strdup_printf(SOCKET_DIR "/%u", con->domid);
	g_strlcpy(address.sun_path, con->socket_path, sizeof(address.sun_path));
	unlink(con->socket_path);
	con->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (con->listener < 0 ||
		bind(con->listener, (struct sockaddr *)&address, sizeof(address)) ||
		listen(con->listener, 8)) {
		complain("socket %s: %s", con->socket_path, g_strerror(errno));
		return;
	}
	con->accepting = g_unix_fd_add(con->listener, G_IO_IN, on_connection, con);
}

static void close_socket(struct console *con)
{
	if (con->accepting)
		g_source_remove(con->accepting);
	if (con->listener >= 0)
		close(con->listener);
	if (con->socket_path)
		unlink(con->socket_path);
	con->accepting = 0;
	con->listener = -1;
	g_clear_pointer(&con->socket_path, g_free);
}

/* ---- Ring ---- */

/* By its grant, which every kind of guest gives; or by its frame, as older tools left it. */
static void *map_ring(struct console *con)
{
	xen_pfn_t frame = con->ring_ref;
	void *ring = NULL;

	if (grants)
		ring = xengnttab_map_grant_ref(
			grants, con->domid, GNTTAB_RESERVED_CONSOLE, PROT_READ | PROT_WRITE);
	con->granted = ring;
	if (!ring)
		ring = xenforeignmemory_map(
			xc_foreign(xc), con->domid, PROT_READ | PROT_WRITE, 1, &frame, NULL);
	return ring;
}

static void unlink_port(struct console *con)
{
	if (con->local)
		g_hash_table_remove(by_port, GUINT_TO_POINTER(con->local));
	if (con->local)
		xenevtchn_unbind(events, con->local);
	if (con->ring && con->granted)
		xengnttab_unmap(grants, con->ring, 1);
	else if (con->ring)
		xenforeignmemory_unmap(xc_foreign(xc), con->ring, 1);
	con->ring = NULL;
	con->local = 0;
	con->waiting = false;
}

static bool link_port(struct console *con)
{
	int port;

	con->ring = map_ring(con);
	if (!con->ring) {
		complain("the console of domain %u cannot be mapped: %s", con->domid,
			g_strerror(errno));
		return false;
	}
	port = xenevtchn_bind_interdomain(events, con->domid, con->remote);
	if (port < 0) {
		complain("port %u of domain %u: %s", con->remote, con->domid, g_strerror(errno));
		unlink_port(con);
		return false;
	}
	con->local = port;
	g_hash_table_insert(by_port, GUINT_TO_POINTER(port), con);
	return true;
}

/* ---- Life ---- */

static struct console *new_console(uint32_t domid)
{
	struct console *con = g_new0(struct console, 1);
	char *name = store_read(domid, "name");
	g_autofree char *log_name = g_strdup_printf("guest-%s", name ? name : "unnamed");

	con->domid = domid;
	con->terminal = con->listener = -1;
	con->host.type = type_in;
	history_init(&con->host.history, DEFAULT_LIMIT);
	if (options.log_guests)
		con->log = log_open(log_name, options.stamp_guests);
	mention("domain %u (%s) has a console", domid, name ? name : "no name");
	free(name);
	g_hash_table_insert(consoles, GUINT_TO_POINTER(domid), con);
	return con;
}

static void free_console(gpointer data)
{
	struct console *con = data;

	unlink_port(con);
	close_socket(con);
	if (con->lingering)
		g_source_remove(con->lingering);
	while (con->host.viewers)
		viewer_free(con->host.viewers->data);
	if (con->terminal >= 0)
		close(con->terminal);
	history_free(&con->host.history);
	log_close(con->log);
	g_free(con);
}

/* A number below the console's nodes, or @fallback. */
static uint64_t read_number(uint32_t domid, const char *name, uint64_t fallback)
{
	char *text = store_read(domid, name);
	uint64_t value;

	if (!text || !g_ascii_string_to_unsigned(text, 10, 0, G_MAXUINT64, &value, NULL))
		value = fallback;
	free(text);
	return value;
}

/* Consoles that a device model serves are none of ours. */
static bool is_ours(uint32_t domid)
{
	char *type = store_read(domid, "console/type");
	bool ours = !type || !*type || !strcmp(type, "xenconsoled");

	free(type);
	return ours;
}

void console_update(uint32_t domid)
{
	struct console *con = g_hash_table_lookup(consoles, GUINT_TO_POINTER(domid));
	uint64_t ring_ref = read_number(domid, "console/ring-ref", 0);
	evtchn_port_t port = read_number(domid, "console/port", 0);
	uint64_t limit = read_number(domid, "console/limit", DEFAULT_LIMIT);

	if (!port || !ring_ref || !is_ours(domid) || (con && con->lingering))
		return;
	if (!con)
		con = new_console(domid);
	history_set_limit(&con->host.history, CLAMP(limit, 1024, MAX_LIMIT));
	if (con->ring && con->remote == port && con->ring_ref == ring_ref)
		return;
	unlink_port(con);
	con->remote = port;
	con->ring_ref = ring_ref;
	if (!link_port(con))
		return;
	/* Who reads of the terminal in xenstore can rely on the socket. */
	if (con->listener < 0)
		open_socket(con);
	if (con->terminal < 0)
		open_terminal(con);
	serve(con);
}

/* Whether every connection has seen everything. The terminal's reader, if it has one, gets a while.
 */
static bool is_done(const struct console *con)
{
	if (con->age < TERMINAL_LINGERS)
		return false;
	return con->age >= LINGER_TICKS || !con->host.viewers || !con->host.viewers->next;
}

static gboolean on_linger(gpointer data)
{
	struct console *con = data;

	con->age++;
	if (!is_done(con))
		return G_SOURCE_CONTINUE;
	con->lingering = 0;
	g_hash_table_remove(consoles, GUINT_TO_POINTER(con->domid));
	return G_SOURCE_REMOVE;
}

/*
 * The domain is gone: its last words are taken, its page and port let go at once, the viewers when
 * they are done.
 */
static void bury(struct console *con)
{
	mention("domain %u is gone", con->domid);
	store_watch(con->domid, false);
	con->served = 0;
	if (con->ring)
		take_output(con);
	unlink_port(con);
	close_socket(con);
	con->host.closing = true;
	viewer_wake_all(&con->host);
	con->lingering = g_timeout_add(TICK_MS, on_linger, con);
}

static int compare_ids(gconstpointer a, gconstpointer b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

void console_keep_only(const GArray *alive)
{
	GHashTableIter iter;
	gpointer value;

	g_hash_table_iter_init(&iter, consoles);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		struct console *con = value;

		if (!con->lingering && !bsearch(&con->domid, alive->data, alive->len,
					       sizeof(uint32_t), compare_ids))
			bury(con);
	}
}

void console_reopen_logs(void)
{
	GHashTableIter iter;
	gpointer value;

	g_hash_table_iter_init(&iter, consoles);
	while (g_hash_table_iter_next(&iter, NULL, &value))
		log_reopen(((struct console *)value)->log);
}

void console_init(void)
{
	consoles = g_hash_table_new_full(NULL, NULL, NULL, free_console);
	by_port = g_hash_table_new(NULL, NULL);
	grants = xengnttab_open(NULL, 0);
	if (g_mkdir_with_parents(SOCKET_DIR, 0700) || chmod(SOCKET_DIR, 0700))
		complain("directory " SOCKET_DIR ": %s", g_strerror(errno));
}

void console_exit(void)
{
	g_hash_table_destroy(consoles);
	g_hash_table_destroy(by_port);
	xengnttab_close(grants);
}
