/*
 * A domain leaves. As long as the record says "sending" it is this host's, and goes on here
 * whatever fails. From "asked" on only the target knows, and is asked until it answers.
 */
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>
#include <xenstream.h>

#include "build.h"
#include "device.h"
#include "error.h"
#include "host.h"
#include "lifecycle.h"
#include "log.h"
#include "options.h"
#include "relocation.h"
#include "relocation_policy.h"
#include "relocation_quiesce.h"
#include "relocation_record.h"
#include "relocation_server.h"
#include "save.h"
#include "server.h"
#include "state.h"
#include "sxp.h"

#define CONNECT_SECONDS 10
#define ANSWER_SECONDS  20
#define SETTLED_SECONDS 5
/* The target makes the domain and its devices meanwhile: memory may have to be got, scripts run. */
#define ACCEPT_SECONDS 300
/* It validates all page tables, and connects the rest of the devices. */
#define PREPARED_SECONDS 120
/* Without any progress; and when the guest waits for it. */
#define STALL_SECONDS 75
#define STALL_STOPPED 20
/* A running guest's memory goes in so many rounds at most, and what is then left in so many seconds
 * if possible. */
#define MAX_ROUNDS 30
#define MAX_STOP   0.005
/* How long, and how often, a target that is not heard of is asked, before it is done from time to
 * time. */
#define DOUBT_SECONDS 5
#define RETRY_SECONDS 3

struct outgoing {
	struct domain *domain;
	struct move_record *record;
	struct link *link;
	GCancellable *cancellable;
	bool live;
	gint progress;
	/* (lock) */
	const char *stage;
	struct xg_send_stats stats;
	bool decided;
	/* Monotonic times; suspended and sent with the lock. */
	gint64 began, suspended, sent, prepared, runs;
};

static GMutex lock;
static GHashTable *table; /* by uuid */

static void show(struct outgoing *out, const char *stage)
{
	g_mutex_lock(&lock);
	out->stage = stage;
	g_mutex_unlock(&lock);
}

static void on_stats(const struct xg_send_stats *stats, void *data)
{
	struct outgoing *out = data;

	g_atomic_int_inc(&out->progress);
	g_mutex_lock(&lock);
	out->stage = "sending memory";
	out->stats = *stats;
	g_mutex_unlock(&lock);
}

GVariant *relocation_status(const char *uuid)
{
	GVariant *sxp = NULL;
	struct outgoing *out;

	g_mutex_lock(&lock);
	out = table ? g_hash_table_lookup(table, uuid) : NULL;
	if (out)
		sxp = sxp_list(sxp_atom("migration"), sxp_pair("stage", out->stage),
			sxp_pair_int("round", out->stats.round),
			sxp_pair_int("done", out->stats.done),
			sxp_pair_int("total", out->stats.total),
			sxp_pair_int("sent", out->stats.sent),
			sxp_pair_int("zeros", out->stats.zeros),
			sxp_pair_int("dirty_rate", out->stats.dirty_rate),
			sxp_pair_int("rate", out->stats.rate),
			sxp_pair_int("left", out->stats.left), NULL);
	g_mutex_unlock(&lock);
	return sxp;
}

static bool cancel(struct outgoing *out)
{
	if (out && !out->decided)
		g_cancellable_cancel(out->cancellable);
	return out && !out->decided;
}

bool relocation_cancel(const char *uuid)
{
	bool done;

	g_mutex_lock(&lock);
	done = cancel(table ? g_hash_table_lookup(table, uuid) : NULL);
	g_mutex_unlock(&lock);
	return done;
}

/* ---- While the stream flows ---- */

/*
 * Looks whether the target says anything, which can only be that it gives up; whether the user who
 * waits goes away; and whether anything goes on at all.
 */
struct watcher {
	struct outgoing *out;
	int client, end;
	GThread *thread;
};

static bool stalls(struct outgoing *out, gint *seen, gint64 *since)
{
	gint64 now = g_get_monotonic_time();
	gint progress = g_atomic_int_get(&out->progress);
	bool stopped, sent;

	g_mutex_lock(&lock);
	stopped = out->suspended;
	sent = out->sent;
	g_mutex_unlock(&lock);
	if (sent)
		return false;
	if (progress != *seen)
		*since = now;
	*seen = progress;
	return now - *since > (stopped ? STALL_STOPPED : STALL_SECONDS) * G_TIME_SPAN_SECOND;
}

/* What the target says, which stays to be read: that it is prepared, or else that it gives up. */
enum saying { SAYS_NOTHING, SAYS_PREPARED, GIVES_UP };

static enum saying listen_to(int fd)
{
	static const char prepared[] = "(prepared";
	char frame[sizeof(uint32_t) + sizeof(prepared) - 1];
	ssize_t got = recv(fd, frame, sizeof(frame), MSG_PEEK | MSG_DONTWAIT), skip;

	if (!got || (got < 0 && errno != EAGAIN && errno != EINTR))
		return GIVES_UP;
	/* Whoever waits for it may have read its length already, which begins with 0. */
	skip = got > 0 && !*frame ? sizeof(uint32_t) : 0;
	if (got <= skip)
		return SAYS_NOTHING;
	return memcmp(frame + skip, prepared, MIN(got - skip, sizeof(prepared) - 1))
		       ? GIVES_UP
		       : SAYS_PREPARED;
}

static void *watch(void *data)
{
	struct watcher *watcher = data;
	gint64 since = g_get_monotonic_time();
	gint seen = -1;
	struct pollfd fds[] = {
		{ .fd = watcher->end, .events = POLLIN },
		{ .fd = watcher->out->link->fd, .events = POLLIN | POLLRDHUP },
		{ .fd = watcher->client, .events = POLLRDHUP },
	};

	for (;;) {
		int ready = poll(fds, G_N_ELEMENTS(fds), 1000);
		enum saying saying = ready > 0 && fds[1].revents ? listen_to(fds[1].fd) : GIVES_UP;

		if (ready > 0 && fds[0].revents)
			return NULL;
		if (ready > 0 && fds[1].revents && saying != GIVES_UP && !fds[2].revents) {
			if (saying == SAYS_PREPARED)
				fds[1].fd = -1;
			else
				g_usleep(10000);
			continue;
		}
		if (ready > 0 && fds[2].revents)
			log_info("domain %s: whoever had it moved has gone away",
				watcher->out->record->name);
		if (ready <= 0 && !stalls(watcher->out, &seen, &since))
			continue;
		g_cancellable_cancel(watcher->out->cancellable);
		return NULL;
	}
}

static void watcher_begin(struct watcher *watcher, struct outgoing *out)
{
	*watcher = (struct watcher){
		.out = out, .client = server_client(), .end = eventfd(0, EFD_CLOEXEC)
	};
	watcher->thread = g_thread_new("relocation", watch, watcher);
}

static void watcher_end(struct watcher *watcher)
{
	eventfd_write(watcher->end, 1);
	g_thread_join(watcher->thread);
	close(watcher->end);
}

/* The guest stops: from here on every moment counts. */
static bool suspend(void *data, GError **error)
{
	struct outgoing *out = data;

	show(out, "suspending");
	if (!domain_suspend(out->domain, error))
		return false;
	g_mutex_lock(&lock);
	out->suspended = g_get_monotonic_time();
	g_mutex_unlock(&lock);
	g_atomic_int_inc(&out->progress);
	return relocation_quiesce(out->domain, error);
}

/* A target that gave up has said why; a user who gave up knows. */
static void explain(struct outgoing *out, GError **error)
{
	g_autoptr(GCancellable) fresh = g_cancellable_new();
	g_autoptr(GError) cause = NULL;
	GCancellable *old = out->link->cancellable;
	g_autoptr(GVariant) message = NULL;

	out->link->cancellable = fresh;
	message = link_expect(out->link, "error", 1, &cause);
	out->link->cancellable = old;
	/* It was called off because the connection broke. */
	if (!message && error && g_error_matches(*error, XG_ERROR, XG_ERROR_CANCELLED) &&
		listen_to(out->link->fd) == GIVES_UP) {
		g_clear_error(error);
		g_propagate_error(error, g_steal_pointer(&cause));
	}
	if (message) {
		g_autofree char *text = sxp_nth_text(message, 1);

		g_clear_error(error);
		fail(error, "%s: %s", out->link->peer, text ? text : "error");
	}
}

/* When all has been sent. */
static bool wait_prepared(struct outgoing *out, GError **error)
{
	bool prepared;

	g_mutex_lock(&lock);
	out->sent = g_get_monotonic_time();
	out->stage = "waiting for the other host";
	g_mutex_unlock(&lock);
	prepared = link_expect_word(out->link, "prepared", PREPARED_SECONDS, error);
	out->prepared = g_get_monotonic_time();
	return prepared;
}

static bool send_memory(struct outgoing *out, GError **error)
{
	struct xg_save_config config = {
		.domid = out->domain->domid,
		.suspend = suspend,
		.suspend_data = out,
		.cancellable = out->cancellable,
	};
	struct xg_send_config send = { .live = out->live,
		.max_rounds = MAX_ROUNDS,
		.max_stop = MAX_STOP,
		.stats = on_stats,
		.stats_data = out };
	struct watcher watcher;
	bool good;

	watcher_begin(&watcher, out);
	good = xg_send_pv(xc, out->link->fd, &config, &send, error) && wait_prepared(out, error);
	watcher_end(&watcher);
	if (!good)
		explain(out, error);
	return good;
}

/* ---- Before it ---- */

static bool hello(struct link *link, GError **error)
{
	return link_send_magic(link, error) &&
	       link_send(link,
		       sxp_list(sxp_atom("hello"), sxp_pair_int("oldest", LINK_OLDEST),
			       sxp_pair_int("newest", LINK_NEWEST),
			       sxp_pair("host", g_get_host_name()), NULL),
		       ANSWER_SECONDS, error) &&
	       link_expect_word(link, "hello", ANSWER_SECONDS, error);
}

static struct link *call(
	const struct move_record *record, GCancellable *cancellable, GError **error)
{
	g_autoptr(link_t) link = link_connect(
		record->host, record->port, record->tls, CONNECT_SECONDS, cancellable, error);

	return link && hello(link, error) ? g_steal_pointer(&link) : NULL;
}

static bool offer(struct outgoing *out, GError **error)
{
	struct domain *domain = out->domain;
	GVariant *policy = policy_sxp(domain, error);

	if (!policy || !link_send(out->link,
			       sxp_list(sxp_atom("offer"), sxp_pair("id", out->record->id),
				       sxp_pair("stream", RELOCATION_STREAM),
				       sxp_pair_int("live", out->live),
				       sxp_pair_int("home", out->record->home), policy,
				       sxp_pair_value("config", config_sxp(domain->config)), NULL),
			       ANSWER_SECONDS, error))
		return false;
	show(out, "waiting for the other host");
	return link_expect_word(out->link, "accept", ACCEPT_SECONDS, error);
}

static bool send_domain(struct outgoing *out, GError **error)
{
	out->link = call(out->record, out->cancellable, error);
	if (!out->link || !offer(out, error) || !move_write(out->record, error))
		return false;
	return link_send_word(out->link, "stream", ANSWER_SECONDS, error) &&
	       send_memory(out, error);
}

/* ---- The decision ---- */

/* It runs there: nothing is left of it here. @link, if there is one, is told that it was
 * understood. */
static void gone(struct domain *domain, const struct move_record *record, struct link *link)
{
	if (domain && domain->domid != NO_DOMID) {
		if (record->home && domain->managed) {
			managed_remove(domain);
			domain_set_managed(domain, false);
		}
		log_info("domain %s: runs at %s", record->name, record->host);
		g_clear_pointer(&domain->sent_to, g_free);
		domain_end(domain, false);
	}
	move_remove(record);
	if (!link || !link_send(link, sxp_list(sxp_atom("done"), sxp_pair("id", record->id), NULL),
			     ANSWER_SECONDS, NULL))
		return;
	/*
	 * The answer is that it has its name there. If "there" is this host, and has the domain as
	 * a managed one, that needs the lock which is held here.
	 */
	if (!domain || domain->gone)
		link_expect_word(link, "settled", SETTLED_SECONDS, NULL);
}

/* It never ran there, and will not. */
static void stays(struct domain *domain, const struct move_record *record)
{
	if (domain) {
		g_clear_pointer(&domain->sent_to, g_free);
		domain->suspending = domain_is_suspended(domain);
		domain_go_on(domain);
	}
	move_remove(record);
}

/* Asks once; false: nobody answers. */
static bool ask(struct domain *domain, const struct move_record *record, bool *runs, GError **error)
{
	g_autoptr(GCancellable) cancellable = g_cancellable_new();
	g_autoptr(link_t) link = call(record, cancellable, error);
	g_autoptr(GVariant) message = NULL;
	g_autofree char *text = NULL;

	if (!link || !link_send(link, sxp_list(sxp_atom("ask"), sxp_pair("id", record->id), NULL),
			     ANSWER_SECONDS, error))
		return false;
	message = link_expect(link, "answer", ANSWER_SECONDS, error);
	text = message ? sxp_nth_text(message, 1) : NULL;
	if (!message)
		return false;
	if (!text || (!g_str_equal(text, "yes") && !g_str_equal(text, "no")))
		return fail(error, "%s answers neither yes nor no", link->peer), false;
	*runs = g_str_equal(text, "yes");
	if (*runs)
		gone(domain, record, link);
	else
		stays(domain, record);
	return true;
}

static void ask_all(void *unused);

static gboolean ask_later(void *unused)
{
	work_run(ask_all, NULL);
	return G_SOURCE_REMOVE;
}

/* Those that nobody has answered yet. One that an operation has under way is locked, and not waited
 * for. */
static void ask_all(void *unused)
{
	g_autoptr(GPtrArray) all = move_all(MOVE_SOURCE);
	bool open = false;

	for (unsigned int i = 0; i < all->len; i++) {
		struct move_record *record = all->pdata[i];
		g_autoptr(domain_t) domain = domain_by_uuid(record->uuid);
		g_autoptr(GError) error = NULL;
		bool runs;

		if (domain && !g_rec_mutex_trylock(&domain->lock)) {
			open = true;
			continue;
		}
		if (record->phase == MOVE_ASKED && (!domain || domain->sent_to) &&
			!ask(domain, record, &runs, &error)) {
			log_warning("domain %s: is it running at %s? %s", record->name,
				record->host, error->message);
			open = true;
		}
		if (domain)
			g_rec_mutex_unlock(&domain->lock);
	}
	if (open)
		g_timeout_add_seconds(RETRY_SECONDS, ask_later, NULL);
}

/* Nobody has said whether it runs there: asks for a while, and later on from time to time. */
static bool find_out(struct outgoing *out, GError **error)
{
	gint64 end = g_get_monotonic_time() + DOUBT_SECONDS * G_TIME_SPAN_SECOND;
	g_autoptr(GError) cause = NULL;
	bool runs;

	show(out, "asking whether it runs there");
	g_clear_pointer(&out->link, link_free);
	do {
		g_clear_error(&cause);
		if (ask(out->domain, out->record, &runs, &cause))
			return runs || (fail(error, "%s has not taken it; it goes on here",
						out->record->host),
					       false);
		g_usleep(G_USEC_PER_SEC / 2);
	} while (g_get_monotonic_time() < end);
	out->domain->sent_to = g_strdup(out->record->host);
	g_timeout_add_seconds(RETRY_SECONDS, ask_later, NULL);
	fail(error,
		"%s; whether it runs at %s is not known, so it stays suspended here until it is "
		"(see "
		"\"xm help migrate\")",
		cause->message, out->record->host);
	return false;
}

/* That it runs there; it may say how many milliseconds ago. */
static bool wait_running(struct outgoing *out, GError **error)
{
	g_autoptr(GVariant) message = link_expect(out->link, "running", ANSWER_SECONDS, error);
	g_autofree char *waited = message ? sxp_child_text(message, "waited") : NULL;
	gint64 ms = waited ? g_ascii_strtoll(waited, NULL, 10) : 0, now = g_get_monotonic_time();

	out->runs = MAX(now - CLAMP(ms, 0, ANSWER_SECONDS * 1000) * 1000, out->prepared);
	return message;
}

static bool decide(struct outgoing *out, GError **error)
{
	g_autoptr(GError) cause = NULL;
	bool cancelled;

	/* From here on it is no user's to cancel. */
	g_mutex_lock(&lock);
	out->decided = true;
	cancelled = g_cancellable_is_cancelled(out->cancellable);
	g_mutex_unlock(&lock);
	out->record->phase = cancelled ? MOVE_SENDING : MOVE_ASKED;
	if (cancelled || !move_write(out->record, error)) {
		if (cancelled)
			fail(error, "it was cancelled");
		stays(out->domain, out->record);
		return false;
	}
	/* It does not go on by itself any more; after a restart of xend the record says so. */
	out->domain->suspending = false;
	if (link_send_word(out->link, "commit", ANSWER_SECONDS, &cause) &&
		wait_running(out, &cause)) {
		gone(out->domain, out->record, out->link);
		return true;
	}
	log_warning("domain %s: %s", out->record->name, cause->message);
	return find_out(out, error);
}

/* ---- All of it ---- */

static bool may_move(struct domain *domain, GError **error)
{
	g_autofree char *nomigrate = NULL;
	struct xen_domctl_getdomaininfo info;
	g_autoptr(GVariant) sxp = g_variant_ref_sink(config_sxp(domain->config));

	nomigrate = sxp_child_text(sxp, "nomigrate");
	if (!domain_refuse_foreign(domain, error))
		return false;
	if (nomigrate && !g_str_equal(nomigrate, "0"))
		return fail(error, "Domain '%s' may not be moved: nomigrate.", domain->name), false;
	if (!host_domain(domain->domid, &info))
		return host_fail(error, domain->domid, "say how it is");
	if (info.flags & XEN_DOMINF_paused)
		return fail(error, "Domain '%s' is paused: it cannot suspend.", domain->name),
		       false;
	if (info.flags & (XEN_DOMINF_dying | XEN_DOMINF_shutdown))
		return fail(error, "Domain '%s' has ended.", domain->name), false;
	return true;
}

static void outgoing_clear(struct outgoing *out)
{
	g_clear_pointer(&out->link, link_free);
	g_clear_object(&out->cancellable);
	g_clear_pointer(&out->record, move_free);
}

static void begin(
	struct outgoing *out, struct domain *domain, const struct relocation_options *options)
{
	*out = (struct outgoing){ .domain = domain,
		.live = options->live,
		.cancellable = g_cancellable_new(),
		.stage = "connecting",
		.began = g_get_monotonic_time() };
	out->record = g_new0(struct move_record, 1);
	out->record->side = MOVE_SOURCE;
	out->record->phase = MOVE_SENDING;
	out->record->id = g_uuid_string_random();
	out->record->name = g_strdup(domain->name);
	out->record->uuid = g_strdup(domain->uuid);
	out->record->host = g_strdup(options->host);
	out->record->port = options->port ? options->port
					  : option_number(options->tls ? "xend-relocation-ssl-port"
								       : "xend-relocation-port");
	out->record->tls = options->tls;
	out->record->home = options->home;
	domain_set_moving(domain, out->record->id);
	g_mutex_lock(&lock);
	if (!table)
		table = g_hash_table_new(g_str_hash, g_str_equal);
	g_hash_table_insert(table, out->record->uuid, out);
	g_mutex_unlock(&lock);
}

static void end(struct outgoing *out)
{
	g_mutex_lock(&lock);
	g_hash_table_remove(table, out->record->uuid);
	g_mutex_unlock(&lock);
	domain_set_moving(out->domain, NULL);
	outgoing_clear(out);
	/* What happened to it meanwhile nobody has looked at. */
	lifecycle_look();
}

static char *describe(struct outgoing *out)
{
	gint64 now = g_get_monotonic_time();

	log_info("domain %s: stopped for %.1f ms: %.1f until its memory was sent, %.1f until all "
		 "was prepared, "
		 "%.1f until it ran",
		out->record->name, (out->runs - out->suspended) / 1e3,
		(out->sent - out->suspended) / 1e3, (out->prepared - out->sent) / 1e3,
		(out->runs - out->prepared) / 1e3);
	return g_strdup_printf("moved to %s in %.1f s: %" G_GUINT64_FORMAT
			       " MiB in %u rounds, %.0f %% "
			       "of it zeros; stopped for %.0f ms",
		out->record->host, (now - out->began) / 1e6, out->stats.sent / MIB_PAGES,
		out->stats.round + 1, 100.0 * out->stats.zeros / MAX(out->stats.sent, 1),
		(out->runs - out->suspended) / 1e3);
}

bool relocation_send(struct domain *domain, const struct relocation_options *options, char **report,
	GError **error)
{
	struct outgoing out;
	bool good;

	if (!may_move(domain, error))
		return false;
	begin(&out, domain, options);
	log_info("domain %s: to be moved to %s port %u", domain->name, out.record->host,
		out.record->port);
	good = send_domain(&out, error);
	if (good)
		good = decide(&out, error);
	else
		stays(domain, out.record);
	if (good)
		*report = describe(&out);
	else
		g_prefix_error(error, "Domain '%s' is not moved: ", domain->name);
	end(&out);
	return good;
}

/* ---- Around it ---- */

static void cancel_each(void *uuid, void *out, void *unused)
{
	cancel(out);
}

void relocation_stop(void)
{
	g_mutex_lock(&lock);
	if (table)
		g_hash_table_foreach(table, cancel_each, NULL);
	g_mutex_unlock(&lock);
	relocation_dismiss();
}

bool relocation_decide(struct domain *domain, bool here)
{
	g_autoptr(GPtrArray) all = move_all(MOVE_SOURCE);

	for (unsigned int i = 0; domain->sent_to && i < all->len; i++) {
		struct move_record *record = all->pdata[i];

		if (!g_str_equal(record->uuid, domain->uuid))
			continue;
		if (here)
			stays(domain, record);
		else
			gone(domain, record, NULL);
		return true;
	}
	return false;
}

void relocation_recover(void)
{
	g_autoptr(GPtrArray) all = move_all(MOVE_SOURCE);

	for (unsigned int i = 0; i < all->len; i++) {
		struct move_record *record = all->pdata[i];
		g_autoptr(domain_t) domain = domain_by_uuid(record->uuid);

		if (domain && record->phase != MOVE_SENDING)
			domain->suspending = false;
	}
	target_recover();
}

void relocation_go_on(void)
{
	g_autoptr(GPtrArray) all = move_all(MOVE_SOURCE);

	target_go_on();
	for (unsigned int i = 0; i < all->len; i++) {
		struct move_record *record = all->pdata[i];
		g_autoptr(locked_domain) domain = domain_by_uuid(record->uuid);

		if (domain)
			g_rec_mutex_lock(&domain->lock);
		if (record->phase == MOVE_SENDING) {
			stays(domain, record);
		} else if (domain && domain->domid != NO_DOMID) {
			log_warning("domain %s: is it running at %s?", domain->name, record->host);
			g_free(domain->sent_to);
			domain->sent_to = g_strdup(record->host);
		}
	}
	if (all->len)
		work_run(ask_all, NULL);
}
