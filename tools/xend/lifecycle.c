#include "lifecycle.h"

#include <errno.h>
#include <string.h>
#include <uuid.h>

#include "build.h"
#include "device.h"
#include "error.h"
#include "host.h"
#include "log.h"
#include "options.h"
#include "qemu.h"
#include "save.h"
#include "state.h"
#include "store.h"

/* A domain that must be restarted sooner than this is not: it would for ever. */
#define MIN_RESTART_SECONDS 60
/* Until the hypervisor is asked once more that could not answer. */
#define RETRY_SECONDS 1
/* Requests wait when so many are being worked at. */
#define MAX_THREADS 128

struct work {
	void (*function)(void *data);
	void *data;
};

static GThreadPool *pool;
static int looking, pending;

static void do_work(void *item, void *unused)
{
	struct work *work = item;

	work->function(work->data);
	g_free(work);
	if (g_atomic_int_dec_and_test(&pending))
		g_main_context_wakeup(NULL);
}

void work_open(void)
{
	pool = g_thread_pool_new(do_work, NULL, MAX_THREADS, FALSE, NULL);
}

void work_run(void (*function)(void *data), void *data)
{
	struct work *work = g_new(struct work, 1);

	*work = (struct work){ .function = function, .data = data };
	g_atomic_int_inc(&pending);
	g_thread_pool_push(pool, work, NULL);
}

void work_close(void)
{
	/* Work may need the main loop, as for the time limit of a script. */
	while (g_atomic_int_get(&pending))
		g_main_context_iteration(NULL, TRUE);
	g_thread_pool_free(pool, FALSE, TRUE);
	pool = NULL;
}

bool domain_ask_shutdown(struct domain *domain, const char *reason, GError **error)
{
	g_autofree char *path = domain_path(domain);
	g_autofree char *node = g_strconcat(path, "/control/shutdown", NULL);

	log_info("domain %s: asked for %s", domain->name, reason);
	if (store_write(node, reason))
		return true;
	return fail_errno(error, "cannot write %s to xenstore", node), false;
}

bool domain_start_again(struct domain *domain, GError **error)
{
	bool started = domain_build(domain, error) && domain_unpause(domain, error);

	domain->restarting = false;
	if (started)
		state_save(domain);
	else
		domain_end(domain, false);
	return started;
}

bool domain_restart(struct domain *domain, GError **error)
{
	domain->restarting = true;
	domain_end(domain, true);
	return domain_start_again(domain, error);
}

static void restart_or_destroy(struct domain *domain)
{
	gint64 age = g_get_real_time() / G_USEC_PER_SEC - domain->start_time;
	g_autoptr(GError) error = NULL;

	if (age < MIN_RESTART_SECONDS) {
		log_error("domain %s: not restarted: it ended less than %d seconds after it was "
			  "started",
			domain->name, MIN_RESTART_SECONDS);
		domain_end(domain, false);
		return;
	}
	domain_set_started(domain, domain->start_time, domain->restarts + 1);
	if (!domain_restart(domain, &error))
		log_error("domain %s: not restarted: %s", domain->name, error->message);
}

static void preserve(struct domain *domain)
{
	domain->preserved = true;
	domain_set_phase(domain, PHASE_SHUTDOWN);
	state_save(domain);
}

/* "name-1", or the next that is free, and a uuid that the hypervisor does not know yet. */
static bool rename_old(struct domain *domain, uuid_t binary, GError **error)
{
	g_autofree char *old = g_strdup(domain->name);
	char uuid[UUID_STR_LEN];

	uuid_generate(binary);
	uuid_unparse_lower(binary, uuid);
	for (unsigned int i = 1; i < 10000; i++) {
		g_autofree char *name = g_strdup_printf("%s-%u", old, i);

		if (domain_set_identity(domain, name, uuid, NULL))
			return true;
	}
	return fail(error, "no name is free for what is left of it"), false;
}

/*
 * A halted domain that takes the place of one that has given up its name and uuid, and its file. On
 * the disk it is one that has shut down: should xend end now, the hypervisor may still know the old
 * domain by that uuid, and the next xend looks for it only in the name of a domain that ran.
 */
static struct domain *add_next(
	struct config *config, bool managed, unsigned int restarts, GError **error)
{
	g_autofree char *uuid = g_strdup(config->uuid);
	struct domain *next = domain_add(config, managed, error);

	if (!next) {
		state_remove_of(uuid);
		return NULL;
	}
	domain_set_started(next, 0, restarts);
	domain_set_phase(next, PHASE_SHUTDOWN);
	next->restarting = true;
	state_save(next);
	domain_set_phase(next, PHASE_HALTED);
	return next;
}

/*
 * What is left of the domain gets a new name and uuid, and is preserved; a new one takes its place.
 * Both are in files before the hypervisor knows of it, so that another xend can go on.
 */
static void rename_restart(struct domain *domain)
{
	struct config *config = config_copy(domain->config);
	unsigned int count = domain->restarts + 1;
	g_autoptr(GError) error = NULL;
	g_autoptr(locked_domain) next = NULL;
	bool managed = domain->managed;
	uuid_t uuid;

	device_release_all(domain);
	qemu_stop(domain->domid);
	store_remove("/vm/%s", domain->uuid);
	if (!rename_old(domain, uuid, &error)) {
		log_error("domain %s: not restarted: %s", domain->name, error->message);
		config_free(config);
		domain_end(domain, false);
		return;
	}
	domain_set_managed(domain, false);
	preserve(domain);
	next = add_next(config, managed, count, &error);
	xc_domain_sethandle(xc, domain->domid, uuid);
	store_rename(domain);
	if (!next || !domain_start_again(next, &error))
		log_error("what follows domain %s: not started: %s", domain->name, error->message);
}

static enum action action_for(struct domain *domain, unsigned int reason)
{
	switch (reason) {
	case SHUTDOWN_poweroff:
		return domain->config->on_poweroff;
	case SHUTDOWN_reboot:
	case SHUTDOWN_soft_reset:
		return domain->config->on_reboot;
	default:
		return domain->config->on_crash;
	}
}

static void act(struct domain *domain, enum action action)
{
	switch (action) {
	case ACTION_DESTROY:
	case ACTION_COREDUMP_DESTROY:
		domain_end(domain, false);
		break;
	case ACTION_RESTART:
	case ACTION_COREDUMP_RESTART:
		restart_or_destroy(domain);
		break;
	case ACTION_PRESERVE:
		preserve(domain);
		break;
	case ACTION_RENAME_RESTART:
		rename_restart(domain);
		break;
	}
}

/* Reasons as enum of sched.h. */
static const char *const reasons[] = { "poweroff", "reboot", "suspend", "crash", "watchdog",
	"soft reset" };

static void dump_core(struct domain *domain)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *path = domain_dump(domain, NULL, false, &error);

	if (!path)
		log_error("domain %s: no core: %s", domain->name, error->message);
}

static void has_shut_down(struct domain *domain, unsigned int reason)
{
	enum action action = action_for(domain, reason);

	log_info("domain %s: %d has ended: %s; action: %s", domain->name, domain->domid,
		reason < G_N_ELEMENTS(reasons) ? reasons[reason] : "unknown reason",
		action_name(action));
	if (action == ACTION_COREDUMP_DESTROY || action == ACTION_COREDUMP_RESTART ||
		(reason == SHUTDOWN_crash && option_flag("enable-dump")))
		dump_core(domain);
	act(domain, action);
}

static gboolean look_again(void *unused)
{
	lifecycle_look();
	return G_SOURCE_REMOVE;
}

/* One domain, in a thread of its own: others need not wait for what happens here. */
static void look_at(void *data)
{
	g_autoptr(locked_domain) domain = data;
	struct xen_domctl_getdomaininfo info;
	int reason;
	bool there;

	/* Whoever moves it looks at it, and has it looked at when that is over: it may take long.
	 */
	if (domain_is_moving(domain)) {
		domain_unref(g_steal_pointer(&domain));
		return;
	}
	g_rec_mutex_lock(&domain->lock);
	if (domain->gone || domain->domid <= 0 || domain->phase == PHASE_BUILDING)
		return;
	there = host_domain(domain->domid, &info);
	if (!there && errno != ESRCH) {
		log_error("domain %s: the hypervisor cannot say how it is: %s", domain->name,
			g_strerror(errno));
		g_timeout_add_seconds(RETRY_SECONDS, look_again, NULL);
		return;
	}
	if (!there || info.flags & XEN_DOMINF_dying) {
		log_info("domain %s: %d has vanished", domain->name, domain->domid);
		domain_end(domain, false);
		return;
	}
	reason = xc_shutdown_reason(info.flags);
	if (reason < 0 || domain->preserved || domain->foreign)
		return;
	/* One that was too late for those who asked it to suspend goes on. */
	if (reason == SHUTDOWN_suspend)
		domain_go_on(domain);
	else
		has_shut_down(domain, reason);
}

void adopt_foreign(int domid, const char *uuid)
{
	g_autofree char *name = store_read("/local/domain/%d/name", domid);
	g_autoptr(GError) error = NULL;
	g_autoptr(locked_domain) domain = NULL;
	struct config *config;
	g_autoptr(GVariant) sxp = NULL;
	g_autofree char *spare = g_strdup_printf("domain-%d", domid);

	if (!name || !config_check_name(name, NULL)) {
		g_free(name);
		name = g_strdup(spare);
	}
	sxp = g_variant_ref_sink(g_variant_new_parsed(
		"[<'vm'>, <[<'name'>, <%s>]>, <[<'uuid'>, <%s>]>]", name, uuid));
	config = config_parse(sxp, &error);
	domain = config ? domain_add(config, false, &error) : NULL;
	if (!domain) {
		log_warning("domain %d is none of ours, and not shown: %s", domid, error->message);
		return;
	}
	domain_set_foreign(domain);
	domain_set_domid(domain, domid);
	domain_set_phase(domain, PHASE_RUNNING);
	log_info("domain %s: %d is none of ours", domain->name, domid);
}

/* A domain that ended after it was listed, and that the registry has forgotten since, was ours. */
static bool still_there(const struct xen_domctl_getdomaininfo *listed)
{
	struct xen_domctl_getdomaininfo now;

	return host_domain(listed->domain, &now) && !(now.flags & XEN_DOMINF_dying) &&
	       !memcmp(now.handle, listed->handle, sizeof(now.handle));
}

static void look_for_foreign(void)
{
	g_autoptr(GArray) all = host_domains(NULL);

	for (unsigned int i = 0; all && i < all->len; i++) {
		struct xen_domctl_getdomaininfo *info =
			&g_array_index(all, struct xen_domctl_getdomaininfo, i);
		g_autofree char *uuid = host_uuid_text(info->handle);
		g_autoptr(domain_t) by_id = domain_by_domid(info->domain);
		g_autoptr(domain_t) by_uuid = domain_by_uuid(uuid);

		if (!by_id && !by_uuid && still_there(info))
			adopt_foreign(info->domain, uuid);
	}
}

static void look(void *unused)
{
	g_autoptr(GPtrArray) all = NULL;

	/* From here on another look is another look. */
	g_atomic_int_set(&looking, 0);
	look_for_foreign();
	all = domain_all();
	for (unsigned int i = 0; i < all->len; i++)
		work_run(look_at, domain_ref(all->pdata[i]));
}

void lifecycle_look(void)
{
	if (g_atomic_int_compare_and_exchange(&looking, 0, 1))
		work_run(look, NULL);
}

static void on_change(const char *path)
{
	lifecycle_look();
}

bool lifecycle_open(GError **error)
{
	if (store_watch("@releaseDomain", on_change) && store_watch("@introduceDomain", on_change))
		return true;
	return fail_errno(error, "cannot watch for domains that end"), false;
}
