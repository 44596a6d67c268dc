/* The start and the end of xend itself. */
#include <string.h>
#include <uuid.h>

#include "bootloader.h"
#include "build.h"
#include "device.h"
#include "error.h"
#include "host.h"
#include "lifecycle.h"
#include "log.h"
#include "qemu.h"
#include "relocation.h"
#include "save.h"
#include "state.h"
#include "store.h"

/* How long "xend stop" waits for guests that it has asked to shut down. */
#define STOP_SECONDS 300

/* Whether the id that the state file remembers still means this domain, and not one made since. */
static bool nodes_are_ours(struct domain *domain)
{
	g_autofree char *vm = store_read("/local/domain/%d/vm", domain->domid);
	g_autofree char *own = domain_vm_path(domain);

	return !vm || g_str_equal(vm, own);
}

/* Removes all there is of a domain, whether or not the hypervisor still has it as @domid. */
static void sweep(struct domain *domain, int domid, bool keep)
{
	if (domid > 0)
		domain_set_domid(domain, domid);
	if (domain->domid > 0 && !nodes_are_ours(domain)) {
		g_ptr_array_set_size(domain->devices, 0);
		domain_set_domid(domain, NO_DOMID);
	}
	domain_end(domain, keep);
}

/* One that was built to be started anew, and perhaps was not let run any more. */
static void finish_restart(struct domain *domain)
{
	struct xen_domctl_getdomaininfo info;

	if (host_domain(domain->domid, &info) && info.flags & XEN_DOMINF_paused)
		xc_domain_unpause(xc, domain->domid);
	domain->restarting = false;
	state_save(domain);
}

static void recover(struct domain *domain)
{
	g_autoptr(GError) error = NULL;
	int domid;

	if (domain->phase == PHASE_HALTED)
		return;
	/* That nobody can say whether it runs is no reason to take its devices away. */
	if (!host_domid_of(domain->uuid, &domid, &error)) {
		log_error("domain %s: left as it is: %s", domain->name, error->message);
		return;
	}
	if (domain->restarting && domain->phase != PHASE_RUNNING) {
		log_info("domain %s: was being restarted", domain->name);
		sweep(domain, domid, true);
		return;
	}
	if (domain->phase == PHASE_BUILDING)
		log_warning("domain %s: was being built; removed", domain->name);
	if (domid < 0 || domain->phase == PHASE_BUILDING ||
		(domain->phase == PHASE_SHUTDOWN && !domain->preserved)) {
		sweep(domain, domid, false);
		return;
	}
	domain_set_domid(domain, domid);
	log_info("domain %s: found as %d", domain->name, domid);
	if (domain->restarting)
		finish_restart(domain);
	/* Its new name may not have got so far. */
	if (domain->preserved)
		store_rename(domain);
	domain_recover_suspended(domain);
}

void recover_all(void)
{
	g_autoptr(GPtrArray) all = NULL;

	boot_files_sweep();
	state_load();
	relocation_recover();
	all = domain_all();
	for (unsigned int i = 0; i < all->len; i++) {
		g_autoptr(locked_domain) domain = domain_ref(all->pdata[i]);

		g_rec_mutex_lock(&domain->lock);
		if (domain->domid == 0)
			continue;
		recover(domain);
		domain_find_checkpoint(domain);
	}
	relocation_go_on();
}

static void start(struct domain *domain)
{
	g_autoptr(GError) error = NULL;

	if (domain->gone || domain->phase != PHASE_HALTED)
		return;
	if (domain->restarting) {
		if (!domain_start_again(domain, &error))
			log_error("domain %s: not restarted: %s", domain->name, error->message);
		return;
	}
	if (domain->config->on_xend_start != ON_START_START)
		return;
	log_info("domain %s: started because of on_xend_start", domain->name);
	if (domain->checkpointed ? !domain_resume(domain, false, &error)
				 : !domain_build(domain, &error) || !domain_unpause(domain, &error))
		log_error("domain %s: not started: %s", domain->name, error->message);
}

void start_managed(void)
{
	g_autoptr(GPtrArray) all = domain_all();

	for (unsigned int i = 0; i < all->len; i++) {
		g_autoptr(locked_domain) domain = domain_ref(all->pdata[i]);

		g_rec_mutex_lock(&domain->lock);
		start(domain);
	}
}

static bool must_stop(struct domain *domain)
{
	g_autoptr(GError) error = NULL;

	if (domain->gone || domain->domid <= 0 || domain->foreign)
		return false;
	switch (domain->config->on_xend_stop) {
	case ON_STOP_SHUTDOWN:
		return domain_ask_shutdown(domain, "poweroff", &error);
	case ON_STOP_SUSPEND:
		if (!domain->managed)
			log_warning("domain %s: keeps running: it is not managed", domain->name);
		else if (!domain_checkpoint(domain, &error))
			log_error("domain %s: keeps running: %s", domain->name, error->message);
		return false;
	default:
		return false;
	}
}

void stop_managed(void)
{
	g_autoptr(GPtrArray) all = domain_all();
	g_autoptr(GPtrArray) asked = g_ptr_array_new_with_free_func((GDestroyNotify)domain_unref);
	gint64 end = g_get_monotonic_time() + STOP_SECONDS * G_TIME_SPAN_SECOND;
	unsigned int i;

	for (i = 0; i < all->len; i++) {
		g_autoptr(locked_domain) domain = domain_ref(all->pdata[i]);

		g_rec_mutex_lock(&domain->lock);
		if (must_stop(domain))
			g_ptr_array_add(asked, domain_ref(domain));
	}
	for (i = 0; i < asked->len; i++)
		while (domain_exists(asked->pdata[i]) && g_get_monotonic_time() < end)
			g_usleep(G_USEC_PER_SEC / 10);
}
