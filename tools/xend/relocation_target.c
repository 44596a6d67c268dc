/*
 * A domain comes. Up to the record of phase "committed" it is nothing but a domain being built,
 * which is removed again whatever fails, or if xend dies; from then on it is this host's for good.
 */
#include <math.h>
#include <string.h>
#include <unistd.h>
#include <uuid.h>

#include "build.h"
#include "device.h"
#include "devices/disk.h"
#include "domain_lock.h"
#include "error.h"
#include "host.h"
#include "lifecycle.h"
#include "log.h"
#include "options.h"
#include "relocation.h"
#include "relocation_policy.h"
#include "relocation_record.h"
#include "relocation_server.h"
#include "save.h"
#include "state.h"
#include "store.h"
#include "sxp.h"

/* Until the source has its guest suspended, or its first pages; and without any progress of the
 * stream. */
#define STREAM_SECONDS 90
#define STALL_SECONDS  60
#define COMMIT_SECONDS 60
#define DONE_SECONDS   30
#define SEND_SECONDS   20
/* How long somebody who asks waits until what is given up is gone. */
#define GONE_SECONDS 10
#define MAX_INCOMING 4

struct incoming {
	char *id;
	struct move_record *record;
	GCancellable *cancellable;
	enum { RECEIVING, COMMITTED, ABORTED } state; /* (lock) */
	gint progress;
};

/* Moves that are under way, by id. */
static GMutex lock;
static GCond changed;
static GHashTable *table;

/* ---- Decisions ---- */

static bool enter(struct incoming *in, GError **error)
{
	g_autoptr(move_record_t) old = NULL;
	bool enters = false;

	if (!move_find(MOVE_TARGET, in->id, &old, error))
		return false;
	g_mutex_lock(&lock);
	if (!table)
		table = g_hash_table_new(g_str_hash, g_str_equal);
	if (old || g_hash_table_contains(table, in->id))
		fail(error, "this move has been begun already");
	else if (g_hash_table_size(table) >= MAX_INCOMING)
		fail(error, "%u domains are on their way to this host, which is enough",
			MAX_INCOMING);
	else
		enters = g_hash_table_insert(table, in->id, in);
	g_mutex_unlock(&lock);
	return enters;
}

static void leave(struct incoming *in)
{
	g_mutex_lock(&lock);
	g_hash_table_remove(table, in->id);
	g_cond_broadcast(&changed);
	g_mutex_unlock(&lock);
}

/* The one moment at which the domain becomes this host's. */
static bool commit(struct incoming *in, GError **error)
{
	bool good = false;

	g_mutex_lock(&lock);
	if (in->state == ABORTED)
		fail(error, "its source has given up");
	else
		good = move_write(in->record, error);
	in->state = good ? COMMITTED : ABORTED;
	g_mutex_unlock(&lock);
	return good;
}

bool target_ask(const char *id, bool *runs, GError **error)
{
	gint64 end = g_get_monotonic_time() + GONE_SECONDS * G_TIME_SPAN_SECOND;
	g_autoptr(move_record_t) record = NULL;
	struct incoming *in;
	bool known;

	g_mutex_lock(&lock);
	in = table ? g_hash_table_lookup(table, id) : NULL;
	if (in && in->state == RECEIVING)
		in->state = ABORTED;
	if (in && in->state == ABORTED)
		g_cancellable_cancel(in->cancellable);
	while (table && (in = g_hash_table_lookup(table, id)) && in->state == ABORTED)
		if (!g_cond_wait_until(&changed, &lock, end))
			break;
	/* Of one that is under way what is in memory is what is on the disk. */
	known = in || move_find(MOVE_TARGET, id, &record, error);
	*runs = in ? in->state == COMMITTED : !!record;
	g_mutex_unlock(&lock);
	return known;
}

/* ---- Names ---- */

/* A domain that may have this name or uuid, beside the one that moves within this host. */
static bool is_free(const char *id, const char *name_or_uuid, bool *managed, GError **error)
{
	g_autoptr(domain_t) other = domain_find(name_or_uuid, NULL);
	struct domain_facts facts;
	bool free = true;

	if (!other)
		return true;
	facts = domain_facts(other);
	g_variant_unref(facts.config);
	if (other->managed && facts.phase == PHASE_HALTED)
		*managed = true;
	else
		free = domain_moves_as(other, id);
	return free || (fail(error, "a domain %s is there already", name_or_uuid), false);
}

static bool check_names(const struct move_record *record, GError **error)
{
	bool by_name = false, by_uuid = false;
	g_autoptr(domain_t) one = domain_find(record->name, NULL);

	if (!is_free(record->id, record->name, &by_name, error) ||
		!is_free(record->id, record->uuid, &by_uuid, error))
		return false;
	/* A managed domain that is halted takes its life up again; another one of its name is
	 * another one. */
	if (by_name && one && !g_str_equal(one->uuid, record->uuid))
		return fail(error, "a managed domain named %s is there already", record->name),
		       false;
	return true;
}

/* A managed domain of which this is the life, halted here: it is the same. */
static bool merge_managed(struct domain *domain, const char *uuid)
{
	g_autoptr(locked_domain) other = domain_by_uuid(uuid);

	if (!other)
		return false;
	g_rec_mutex_lock(&other->lock);
	if (other == domain || other->gone || !other->managed || other->phase != PHASE_HALTED)
		return false;
	domain_remove(other);
	return true;
}

static void set_handle(struct domain *domain, const char *uuid)
{
	uuid_t handle;

	uuid_parse(uuid, handle);
	if (xc_domain_sethandle(xc, domain->domid, handle))
		log_error("domain %s: cannot set its uuid: %s", domain->name, g_strerror(errno));
}

/*
 * Its own name and uuid, which it may not have before no other domain of this host has them. The
 * order is that in which settle() can put things right if xend dies.
 */
static bool take_identity(struct domain *domain, const struct move_record *record)
{
	g_autofree char *old_vm = domain_vm_path(domain);
	g_autoptr(GError) error = NULL;
	bool managed = merge_managed(domain, record->uuid) || record->home;

	if (!domain_set_identity(domain, record->name, record->uuid, &error)) {
		log_warning("domain %s: keeps this name for now: %s", domain->name, error->message);
		return false;
	}
	domain_lock_take_over(record->name, record->uuid);
	domain_set_managed(domain, managed);
	set_handle(domain, record->uuid);
	state_save(domain);
	store_take_identity(domain, old_vm);
	state_remove_of(record->id);
	if (managed && !managed_save(domain, &error))
		log_error("domain %s: %s", domain->name, error->message);
	log_info("domain %s: is here, as %d", domain->name, domain->domid);
	return true;
}

/* ---- What must be right before the guest is stopped ---- */

static bool check_disk(struct device_config *config, GError **error)
{
	g_autofree char *path = disk_file(config->sxp);

	if (path && access(path, R_OK))
		return fail_errno(error, "disk %s", path), false;
	return true;
}

static bool check_cpus(const struct config *config, GError **error)
{
	uint8_t map[MAX_CPUS / 8];

	for (char **cpus = config->cpus; cpus && *cpus; cpus++)
		if (!cpus_parse(*cpus, host_nr_cpus(), map, error))
			return g_prefix_error(error, "cpus: "), false;
	return true;
}

static bool check_host(struct domain *domain, GError **error)
{
	if (!device_check_all(domain, error))
		return false;
	for (unsigned int i = 0; i < domain->config->devices->len; i++)
		if (!check_disk(domain->config->devices->pdata[i], error))
			return false;
	return check_cpus(domain->config, error);
}

static bool read_offer(
	struct link *link, GVariant *offer, struct incoming *in, GVariant **config, GError **error)
{
	g_autofree char *stream = sxp_child_text(offer, "stream");
	g_autofree char *home = sxp_child_text(offer, "home");

	in->id = sxp_child_text(offer, "id");
	*config = sxp_child_value(offer, "config");
	if (!in->id || !g_uuid_string_is_valid(in->id) || !*config)
		return fail(error, "the offer has no id, or no domain"), false;
	if (!stream || !g_str_equal(stream, RELOCATION_STREAM))
		return fail(error, "the stream would be of kind %s, not %s", stream ? stream : "?",
			       RELOCATION_STREAM),
		       false;
	in->record = g_new0(struct move_record, 1);
	in->record->side = MOVE_TARGET;
	in->record->phase = MOVE_COMMITTED;
	in->record->id = g_strdup(in->id);
	in->record->host = g_strdup(link->peer);
	in->record->home = home && g_str_equal(home, "1");
	return true;
}

/* The domain under a name and uuid for the way. */
static struct domain *add(struct incoming *in, GVariant *sxp, GError **error)
{
	g_autoptr(config_t) config = config_parse(sxp, error);

	if (!config)
		return NULL;
	in->record->name = config->name;
	in->record->uuid = config->uuid;
	config->name = g_strconcat("migrating-", in->record->name, NULL);
	config->uuid = g_strdup(in->id);
	if (!check_names(in->record, error))
		return NULL;
	return domain_add(g_steal_pointer(&config), false, error);
}

static bool prepare(struct domain *domain, GVariant *offer, GError **error)
{
	if (!check_host(domain, error) || !domain_build_begin(domain, error))
		return false;
	if (policy_check(domain, offer, error))
		return true;
	domain_end(domain, false);
	return false;
}

/* ---- Receiving ---- */

static void on_progress(const char *stage, uint64_t done, uint64_t total, void *data)
{
	struct incoming *in = data;

	g_atomic_int_inc(&in->progress);
}

/* Cancels when nothing has come for long: a peer may live and still send nothing. */
struct watchdog {
	struct incoming *in;
	GThread *thread;
	GMutex lock;
	GCond ended;
	bool end;
};

static void *watch(void *data)
{
	struct watchdog *dog = data;
	gint seen = -1;
	gint64 until = 0;

	g_mutex_lock(&dog->lock);
	while (!dog->end) {
		gint now = g_atomic_int_get(&dog->in->progress);

		if (now != seen)
			until = g_get_monotonic_time() +
				(now ? STALL_SECONDS : STREAM_SECONDS) * G_TIME_SPAN_SECOND;
		else if (g_get_monotonic_time() >= until)
			g_cancellable_cancel(dog->in->cancellable);
		seen = now;
		g_cond_wait_until(
			&dog->ended, &dog->lock, g_get_monotonic_time() + G_TIME_SPAN_SECOND);
	}
	g_mutex_unlock(&dog->lock);
	return NULL;
}

static void watchdog_begin(struct watchdog *dog, struct incoming *in)
{
	*dog = (struct watchdog){ .in = in };
	g_mutex_init(&dog->lock);
	g_cond_init(&dog->ended);
	dog->thread = g_thread_new("watchdog", watch, dog);
}

static void watchdog_end(struct watchdog *dog)
{
	g_mutex_lock(&dog->lock);
	dog->end = true;
	g_cond_signal(&dog->ended);
	g_mutex_unlock(&dog->lock);
	g_thread_join(dog->thread);
	g_mutex_clear(&dog->lock);
	g_cond_clear(&dog->ended);
}

static bool load(struct incoming *in, struct link *link, struct domain *domain, GError **error)
{
	struct domain_stream stream = {
		.fd = link->fd, .cancellable = in->cancellable, .progress = on_progress, .data = in
	};
	struct watchdog dog;
	bool good;

	watchdog_begin(&dog, in);
	good = domain_build_rest(domain, &stream, error);
	watchdog_end(&dog);
	return good;
}

/* Up to the moment at which it is known where the domain is to run. */
static bool receive(struct incoming *in, struct link *link, struct domain *domain, GError **error)
{
	return link_send_word(link, "accept", SEND_SECONDS, error) &&
	       link_expect_word(link, "stream", STREAM_SECONDS, error) &&
	       load(in, link, domain, error) &&
	       link_send_word(link, "prepared", SEND_SECONDS, error) &&
	       link_expect_word(link, "commit", COMMIT_SECONDS, error) && commit(in, error);
}

/*
 * The guest connects its devices anew. What else there is to do on this host, which may be the
 * source, too, waits for that: the guest's network stands still until then. Returns how long it
 * took, in milliseconds.
 */
static unsigned int wait_devices(struct domain *domain)
{
	static const char *const connected[] = { "4", NULL };
	gint64 begin = g_get_monotonic_time(), now = begin;

	for (unsigned int i = 0; i < domain->devices->len; i++) {
		struct device *device = domain->devices->pdata[i];
		g_autofree char *back = device_back_path(domain, device), *state = NULL;
		g_autofree char *path = g_strconcat(back, "/state", NULL);

		/* A guest need not have a driver for each of them. */
		if (device->class->plug && now - begin < G_TIME_SPAN_SECOND)
			store_wait_for(path, connected, 1, &state);
		now = g_get_monotonic_time();
	}
	return (now - begin) / 1000;
}

static void send_running(struct link *link, unsigned int waited)
{
	link_send(link, sxp_list(sxp_atom("running"), sxp_pair_int("waited", waited), NULL),
		SEND_SECONDS, NULL);
}

/* From here on nothing can fail: what goes wrong is this host's matter. */
static void start(struct incoming *in, struct link *link, struct domain *domain)
{
	g_autoptr(GError) error = NULL;

	if (!domain_unpause(domain, &error))
		log_error("domain %s: %s", domain->name, error->message);
	g_clear_error(&error);
	/* Before the source gives it back. */
	domain_lock_take_over(in->record->name, in->record->uuid);
	send_running(link, wait_devices(domain));
	if (!domain_build_finish(domain, &error))
		log_error("domain %s: %s", domain->name, error->message);
	in->record->phase = MOVE_RUNNING;
	move_write(in->record, NULL);
	/* Until then it may be that this very host has another domain of its name. */
	if (link_expect_word(link, "done", DONE_SECONDS, NULL)) {
		if (take_identity(domain, in->record))
			move_remove(in->record);
		link_send_word(link, "settled", SEND_SECONDS, NULL);
	} else {
		take_identity(domain, in->record);
	}
}

static bool take(
	struct incoming *in, struct link *link, GVariant *offer, GVariant *config, GError **error)
{
	g_autoptr(locked_domain) domain = add(in, config, error);
	bool good;

	if (!domain)
		return false;
	/* Its lock is held for long; what happens to it meanwhile is looked at afterwards. */
	domain_set_moving(domain, in->id);
	log_info("domain %s: comes from %s", in->record->name, link->peer);
	if (!prepare(domain, offer, error)) {
		if (!domain->gone)
			domain_remove(domain);
		return false;
	}
	good = receive(in, link, domain, error);
	if (good)
		start(in, link, domain);
	else if (domain->domid != NO_DOMID)
		domain_end(domain, false);
	else
		domain_remove(domain);
	domain_set_moving(domain, NULL);
	lifecycle_look();
	return good;
}

void target_receive(struct link *link, GVariant *offer)
{
	struct incoming in = { .cancellable = link->cancellable };
	g_autoptr(GVariant) config = NULL;
	g_autoptr(GError) error = NULL;
	bool entered = read_offer(link, offer, &in, &config, &error) && enter(&in, &error);
	bool good = entered && take(&in, link, offer, config, &error);

	if (!good) {
		log_warning("domain %s: does not come from %s: %s",
			in.record && in.record->name ? in.record->name : "?", link->peer,
			error->message);
	}
	if (entered)
		leave(&in);
	if (!good)
		link_send_error(link, error);
	g_free(in.id);
	move_free(in.record);
}

/* ---- Afterwards ---- */

/* The domain that has come by this record, whatever its name by now. */
static struct domain *arrived(const struct move_record *record)
{
	struct domain *domain = domain_by_uuid(record->id);

	if (domain)
		g_rec_mutex_lock(&domain->lock);
	/* Whoever had the lock may have given it its name. */
	if (domain && (domain->gone || domain->domid == NO_DOMID ||
			      !g_str_equal(domain->uuid, record->id)))
		g_clear_pointer(&domain, domain_unlock_unref);
	return domain;
}

void target_done(const char *id)
{
	g_autoptr(locked_domain) domain = NULL;
	g_autoptr(move_record_t) record = NULL;
	g_autoptr(GError) error = NULL;

	if (!move_find(MOVE_TARGET, id, &record, &error))
		log_error("%s", error->message);
	domain = record ? arrived(record) : NULL;
	if (!record || (domain && !take_identity(domain, record)))
		return;
	move_remove(record);
}

/* Whether the hypervisor has the domain under another uuid than that it had on its way. */
static bool has_handle(struct domain *domain, const char *uuid)
{
	struct xen_domctl_getdomaininfo info;
	g_autofree char *handle = NULL;

	if (!host_domain(domain->domid, &info))
		return false;
	handle = host_uuid_text(info.handle);
	return g_str_equal(handle, uuid);
}

/* What a former xend has begun: the domain has one name, one uuid and one state file, and runs. */
static void settle(struct move_record *record, struct domain *domain)
{
	g_autoptr(domain_t) named = domain_by_uuid(record->uuid);

	if (named && named != domain && named->domid == domain->domid) {
		g_autofree char *old_vm = domain_vm_path(domain);

		store_take_identity(named, old_vm);
		state_remove(domain);
		domain_remove(domain);
		return;
	}
	if (has_handle(domain, record->uuid))
		set_handle(domain, record->id);
	if (domain->phase != PHASE_BUILDING)
		return;
	domain_set_phase(domain, PHASE_RUNNING);
	state_save(domain);
}

/* It is this host's, but not even its name is known: it stays as it is, paused or not. */
static void keep(struct domain *domain)
{
	if (domain->phase != PHASE_BUILDING)
		return;
	log_error("domain %s: came from another host, and is left as it is", domain->name);
	domain_set_phase(domain, PHASE_RUNNING);
	state_save(domain);
}

void target_recover(void)
{
	g_autoptr(GPtrArray) all = move_all(MOVE_TARGET);

	for (unsigned int i = 0; i < all->len; i++) {
		struct move_record *record = all->pdata[i];
		g_autoptr(locked_domain) domain = arrived(record);

		if (!domain)
			continue;
		if (record->phase != MOVE_UNREADABLE)
			settle(record, domain);
		else
			keep(domain);
	}
}

static void let_run(struct domain *domain)
{
	struct xen_domctl_getdomaininfo info;
	g_autoptr(GError) error = NULL;

	if (host_domain(domain->domid, &info) && info.flags & XEN_DOMINF_paused &&
		!domain_unpause(domain, &error))
		log_error("domain %s: %s", domain->name, error->message);
}

void target_go_on(void)
{
	g_autoptr(GPtrArray) all = move_all(MOVE_TARGET);

	for (unsigned int i = 0; i < all->len; i++) {
		struct move_record *record = all->pdata[i];
		g_autoptr(locked_domain) domain = arrived(record);

		if (!domain || record->phase == MOVE_UNREADABLE)
			continue;
		if (record->phase == MOVE_COMMITTED)
			let_run(domain);
		record->phase = MOVE_RUNNING;
		move_write(record, NULL);
		take_identity(domain, record);
	}
}
