/*
 * A domain is made in steps, each with what takes it back. When one fails, those before it are
 * taken back in reverse order; when xend is killed, the next one finds phase "building" in the
 * state file and does the same (recover.c).
 */
#include "build.h"

#include <string.h>
#include <unistd.h>
#include <uuid.h>
#include <xenguest.h>
#include <xenstream.h>

#include "bootloader.h"
#include "device.h"
#include "domain_lock.h"
#include "error.h"
#include "host.h"
#include "log.h"
#include "memory.h"
#include "qemu.h"
#include "state.h"
#include "sxp.h"

/* What steps hand on to one another. */
struct build {
	struct domain *domain;
	struct boot_files files;
	bool brought; /* it comes from a stream; else it starts from its kernel */
	bool late;    /* it had some of its devices before its memory */
	const struct domain_stream *stream;
};

static bool record(struct build *build, GError **error)
{
	domain_set_phase(build->domain, PHASE_BUILDING);
	if (state_save(build->domain))
		return true;
	domain_set_phase(build->domain, PHASE_HALTED);
	return fail(error, "cannot write the state of the domain"), false;
}

static void forget(struct build *build)
{
	domain_set_phase(build->domain, PHASE_HALTED);
	state_remove(build->domain);
}

static bool take_lock(struct build *build, GError **error)
{
	return domain_lock_take(build->domain, error);
}

static void drop_lock(struct build *build)
{
	domain_lock_drop(build->domain);
}

static bool find_kernel(struct build *build, GError **error)
{
	return build->brought || boot_files_find(build->domain->config, &build->files, error);
}

static void drop_kernel(struct build *build)
{
	boot_files_clear(&build->files);
}

static bool create(struct build *build, GError **error)
{
	struct config *config = build->domain->config;
	struct xen_domctl_createdomain create = {
		.max_vcpus = config->maxvcpus,
		.max_evtchn_port = 1023,
		.max_grant_frames = -1,
		.max_maptrack_frames = -1,
		.grant_opts = XEN_DOMCTL_GRANT_version(2),
	};
	uint32_t domid = 0;

	uuid_parse(config->uuid, create.handle);
	if (xc_domain_create(xc, &domid, &create))
		return fail_errno(error, "the hypervisor cannot create a domain"), false;
	domain_set_domid(build->domain, domid);
	state_save(build->domain);
	return true;
}

static void kill_domain(struct domain *domain)
{
	if (xc_domain_destroy(xc, domain->domid))
		log_error("domain %s: cannot destroy %d: %s", domain->name, domain->domid,
			g_strerror(errno));
}

static void destroy(struct build *build)
{
	kill_domain(build->domain);
	domain_set_domid(build->domain, NO_DOMID);
}

/* Nothing can be set aside for a domain beyond its limit, which is 0 at first. */
static bool obtain_memory(struct build *build, GError **error)
{
	const struct config *config = build->domain->config;
	uint32_t domid = build->domain->domid;

	if (xc_domain_setmaxmem(xc, domid, (uint64_t)MAX(config->memory, config->maxmem) << 10))
		return fail_errno(error, "cannot set the limit of memory"), false;
	return memory_obtain(domid, config->memory, error);
}

static bool write_nodes(struct build *build, GError **error)
{
	return store_build(build->domain, error);
}

static void remove_nodes(struct build *build)
{
	store_demolish(build->domain);
}

static bool start_kernel(struct build *build, struct xg_pv_result *result, GError **error)
{
	struct domain *domain = build->domain;
	struct xg_pv_config config = {
		.domid = domain->domid,
		.kernel = build->files.kernel,
		.ramdisk = build->files.ramdisk,
		.cmdline = build->files.args,
		.features = *domain->config->features ? domain->config->features : NULL,
		.memory_kb = (uint64_t)domain->config->memory << 10,
		.max_memory_kb = (uint64_t)domain->config->maxmem << 10,
		.vcpus = domain->config->maxvcpus,
	};

	return xg_build_pv(xc, &config, result, error);
}

static bool bring_back(struct build *build, struct xg_pv_result *result, GError **error)
{
	const struct domain_stream *stream = build->stream;
	struct domain *domain = build->domain;
	struct xg_restore_config config = {
		.domid = domain->domid,
		.vcpus = domain->config->maxvcpus,
		.memory_kb = (uint64_t)MAX(domain->config->memory, domain->config->maxmem) << 10,
		.sums = stream->sums,
		.progress = stream->progress,
		.progress_data = stream->data,
		.cancellable = stream->cancellable,
	};

	return xg_restore_pv(xc, stream->fd, &config, result, error) &&
	       (!stream->finish || stream->finish(stream->fd, error));
}

static bool load_image(struct build *build, GError **error)
{
	struct domain *domain = build->domain;
	struct xg_pv_result result;

	if (!build->brought ? !start_kernel(build, &result, error)
			     : !bring_back(build, &result, error))
		return false;
	/* What is left of what was set aside. */
	xc_domain_claim_pages(xc, domain->domid, 0);
	domain->store_port = result.store_port;
	domain->console_port = result.console_port;
	domain_set_rings(domain, result.store_mfn, result.console_mfn);
	log_debug("domain %s: %s, %u bits, %" G_GUINT64_FORMAT " pages", domain->name,
		!build->brought ? result.guest_os : "restored", result.width, result.nr_pages);
	return true;
}

static bool set_scheduling(struct build *build, GError **error)
{
	return scheduling_apply(build->domain, error);
}

static bool introduce(struct build *build, GError **error)
{
	struct domain *domain = build->domain;

	return store_add_rings(domain, error) &&
	       store_introduce(domain->domid, domain->store_mfn, domain->store_port, error);
}

/* Those for which @wanted; NULL: all. */
static bool attach_some(
	struct domain *domain, bool wanted(const struct device_config *config), GError **error)
{
	for (unsigned int i = 0; i < domain->config->devices->len; i++) {
		struct device_config *config = domain->config->devices->pdata[i];
		struct device *device;

		if (wanted && !wanted(config))
			continue;
		device = device_attach(domain, config->sxp, error);
		if (!device)
			return false;
		config_replace_device(domain->config, i, device->config);
	}
	return true;
}

/*
 * Of a domain that comes from another host, while it still runs there: what this host keeps of a disk in memory would be
 * old when it runs here. The kernel does so for files, QEMU for its images.
 */
static bool is_early(const struct device_config *config)
{
	g_autofree char *name = sxp_child_text(config->sxp, "uname");

	return !g_str_equal(config->class, "tap") && !(name && g_str_has_prefix(name, "file:"));
}

static bool is_late(const struct device_config *config)
{
	return !is_early(config);
}

static bool attach_early(struct build *build, GError **error)
{
	return attach_some(build->domain, is_early, error);
}

static bool attach_devices(struct build *build, GError **error)
{
	return attach_some(build->domain, build->late ? is_late : NULL, error);
}

static void release_devices(struct build *build)
{
	device_release_all(build->domain);
	qemu_stop(build->domain->domid);
}

static bool finish(struct build *build, GError **error)
{
	struct domain *domain = build->domain;

	domain_set_started(domain, g_get_real_time() / G_USEC_PER_SEC, domain->restarts);
	domain_set_phase(domain, PHASE_RUNNING);
	domain_publish(domain);
	boot_files_clear(&build->files);
	if (state_save(domain))
		return true;
	return fail(error, "cannot write the state of the domain"), false;
}

static const struct step {
	const char *name;
	bool (*make)(struct build *build, GError **error);
	void (*undo)(struct build *build);
} steps[] = {
	{ "state", record, forget },
	{ "lock", take_lock, drop_lock },
	{ "kernel", find_kernel, drop_kernel },
	{ "domain", create, destroy },
	{ "memory", obtain_memory },
	{ "xenstore", write_nodes, remove_nodes },
	{ "image", load_image },
	{ "processors", set_scheduling },
	{ "introduction", introduce },
	/* Undone even if it fails in the middle: a QEMU may run. */
	{ "devices", attach_devices, release_devices },
	{ "end", finish },
};

/* A domain that comes from another host: what can be made before it stops there, and the rest. */
static const struct step first_steps[] = {
	{ "state", record, forget },
	{ "domain", create, destroy },
	{ "memory", obtain_memory },
	{ "xenstore", write_nodes, remove_nodes },
	{ "devices", attach_early, release_devices },
};
static const struct step last_steps[] = {
	{ "image", load_image },
	{ "processors", set_scheduling },
	{ "introduction", introduce },
	{ "disks", attach_devices },
};

/* Takes back what was made before step @i of @done, and of that what must be. */
static void undo_steps(struct build *build, const struct step *done, int i)
{
	if (done[i].make == attach_devices || done[i].make == attach_early)
		release_devices(build);
	while (--i >= 0)
		if (done[i].undo)
			done[i].undo(build);
}

/* Makes @n steps; returns the one that fails, or @n. */
static int make_steps(struct build *build, const struct step *todo, int n, GError **error)
{
	g_autoptr(GError) cause = NULL;
	struct domain *domain = build->domain;
	int i;

	for (i = 0; i < n; i++) {
		log_debug("domain %s: building: %s", domain->name, todo[i].name);
		if (!todo[i].make(build, &cause))
			break;
	}
	if (i < n) {
		log_error("domain %s: cannot be built: %s: %s", domain->name, todo[i].name,
			cause->message);
		g_propagate_error(error, g_steal_pointer(&cause));
	}
	return i;
}

static bool may_build(struct domain *domain, GError **error)
{
	if (domain->phase != PHASE_HALTED)
		return fail(error, "Domain '%s' is running already.", domain->name), false;
	if (g_strcmp0(domain->config->image_type, "linux"))
		return fail(error, "image: the type '%s' is not supported, only linux",
			       domain->config->image_type ? domain->config->image_type : ""),
		       false;
	domain->preserved = false;
	return true;
}

static bool build_with(
	struct build *build, const struct step *todo, int n, GError **error)
{
	int failed;

	if (!may_build(build->domain, error))
		return false;
	failed = make_steps(build, todo, n, error);
	if (failed < n)
		undo_steps(build, todo, failed);
	return failed == n;
}

bool domain_build_from(
	struct domain *domain, const struct domain_stream *stream, GError **error)
{
	struct build build = { .domain = domain, .brought = stream, .stream = stream };

	if (!build_with(&build, steps, G_N_ELEMENTS(steps), error))
		return false;
	log_info("domain %s: built as %d", domain->name, domain->domid);
	return true;
}

bool domain_build_begin(struct domain *domain, GError **error)
{
	struct build build = { .domain = domain, .brought = true };

	return build_with(&build, first_steps, G_N_ELEMENTS(first_steps), error);
}

bool domain_build_rest(struct domain *domain, const struct domain_stream *stream, GError **error)
{
	struct build build = { .domain = domain, .brought = true, .late = true, .stream = stream };
	int n = G_N_ELEMENTS(last_steps);

	/* As it stands in the state file it could be finished by another xend. */
	return make_steps(&build, last_steps, n, error) == n && state_save(domain);
}

bool domain_build_finish(struct domain *domain, GError **error)
{
	struct build build = { .domain = domain };

	return finish(&build, error);
}

bool domain_build(struct domain *domain, GError **error)
{
	return domain_build_from(domain, NULL, error);
}

static void leave(struct domain *domain, bool keep)
{
	domain->preserved = domain->suspending = false;
	domain_set_domid(domain, NO_DOMID);
	domain_set_phase(domain, PHASE_HALTED);
	domain_set_rings(domain, 0, 0);
	domain_lock_drop(domain);
	if (!keep)
		state_remove(domain);
	if (!keep && !domain->managed)
		domain_remove(domain);
}

/* Ids are used again: whatever we think of one, nothing is done to a domain with another uuid. */
static bool is_ours(struct domain *domain)
{
	struct xen_domctl_getdomaininfo info;
	g_autofree char *uuid = NULL;

	if (!host_domain(domain->domid, &info))
		return false;
	uuid = host_uuid_text(info.handle);
	return g_str_equal(uuid, domain->uuid);
}

/*
 * The devices go first, and the domain must not run then: xenstored removes the nodes of a dead
 * domain, and a back end that finds its front end gone before it was told to close may end without
 * a word.
 */
void domain_end(struct domain *domain, bool keep)
{
	bool ours;

	log_info("domain %s: ending %d", domain->name, domain->domid);
	domain_set_phase(domain, PHASE_SHUTDOWN);
	domain->preserved = false;
	if (!domain->foreign)
		state_save(domain);
	if (domain->domid > 0) {
		ours = is_ours(domain);
		if (ours)
			xc_domain_pause(xc, domain->domid);
		device_release_all(domain);
		if (ours)
			kill_domain(domain);
		qemu_stop(domain->domid);
		store_demolish(domain);
	}
	leave(domain, keep);
}

bool domain_unpause(struct domain *domain, GError **error)
{
	if (xc_domain_unpause(xc, domain->domid))
		return host_fail(error, domain->domid, "unpause it");
	return true;
}
