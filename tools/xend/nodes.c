/* What stands in xenstore for a domain, beside its devices: /local/domain/N and /vm/UUID. */
#include <string.h>

#include "build.h"
#include "device.h"
#include "error.h"
#include "host.h"
#include "log.h"
#include "options.h"
#include "store.h"

/* Directories and nodes that the guest may write to; the others it may only read. */
static const char *const guests_own[] = { "device", "data", "error", "drivers", "attr", "messages",
	"hvmloader", "suspend", "control/shutdown", "control/sysrq", "control/feature-poweroff",
	"control/feature-reboot", "control/feature-suspend" };

static void add_vcpus(
	struct store_batch *batch, const char *path, const struct config *config, uint32_t domid)
{
	for (unsigned int i = 0; i < config->maxvcpus; i++) {
		g_autofree char *name = g_strdup_printf("cpu/%u/availability", i);
		bool online = config->vcpu_avail[0] ? i < 64 && config->vcpu_avail[0] >> i & 1
						    : i < config->vcpus;

		store_batch_put(batch, path, name, "%s", online ? "online" : "offline");
	}
}

static void add_local(struct domain *domain, struct store_batch *batch)
{
	g_autofree char *path = domain_path(domain), *vm = domain_vm_path(domain);
	uint32_t domid = domain->domid;

	store_batch_mkdir(batch, path, 0, domid);
	store_batch_put(batch, path, "vm", "%s", vm);
	store_batch_put(batch, path, "name", "%s", domain->name);
	store_batch_put(batch, path, "domid", "%u", domid);
	store_batch_put(batch, path, "memory/target", "%" G_GUINT64_FORMAT,
		(uint64_t)domain->config->memory << 10);
	store_batch_put(batch, path, "memory/static-max", "%" G_GUINT64_FORMAT,
		(uint64_t)domain->config->maxmem << 10);
	store_batch_put(batch, path, "control/platform-feature-multiprocessor-suspend", "1");
	store_batch_put(batch, path, "control/platform-feature-xs_reset_watches", "1");
	for (unsigned int i = 0; i < G_N_ELEMENTS(guests_own); i++) {
		g_autofree char *own = g_strdup_printf("%s/%s", path, guests_own[i]);

		store_batch_write(batch, own, "");
		store_batch_give(batch, own, domid, domid);
	}
	add_vcpus(batch, path, domain->config, domid);
}

static void add_image(struct domain *domain, struct store_batch *batch, const char *vm)
{
	g_autofree char *kernel = config_kernel(domain->config);
	g_autofree char *ramdisk = config_ramdisk(domain->config);
	g_autofree char *args = config_kernel_args(domain->config);

	store_batch_put(batch, vm, "image/ostype", "%s", domain->config->image_type);
	if (kernel)
		store_batch_put(batch, vm, "image/kernel", "%s", kernel);
	if (ramdisk)
		store_batch_put(batch, vm, "image/ramdisk", "%s", ramdisk);
	store_batch_put(batch, vm, "image/cmdline", "%s", args);
}

static void add_vm(struct domain *domain, struct store_batch *batch)
{
	g_autofree char *vm = domain_vm_path(domain);
	const struct config *config = domain->config;

	store_batch_mkdir(batch, vm, 0, domain->domid);
	store_batch_put(batch, vm, "uuid", "%s", domain->uuid);
	store_batch_put(batch, vm, "name", "%s", domain->name);
	store_batch_put(batch, vm, "memory", "%u", config->memory);
	store_batch_put(batch, vm, "maxmem", "%u", config->maxmem);
	store_batch_put(batch, vm, "vcpus", "%u", config->maxvcpus);
	store_batch_put(batch, vm, "on_poweroff", "%s", action_name(config->on_poweroff));
	store_batch_put(batch, vm, "on_reboot", "%s", action_name(config->on_reboot));
	store_batch_put(batch, vm, "on_crash", "%s", action_name(config->on_crash));
	store_batch_put(batch, vm, "rtc/timeoffset", "%d", config->rtc_timeoffset);
	store_batch_put(batch, vm, "start_time", "%.2f", g_get_real_time() / 1e6);
	if (config->image)
		add_image(domain, batch, vm);
}

bool store_build(struct domain *domain, GError **error)
{
	struct store_batch *batch = store_batch_new();

	add_local(domain, batch);
	add_vm(domain, batch);
	return store_batch_commit(batch, error);
}

bool store_add_rings(struct domain *domain, GError **error)
{
	g_autofree char *path = domain_path(domain);
	struct store_batch *batch = store_batch_new();

	store_batch_put(batch, path, "store/ring-ref", "%" G_GUINT64_FORMAT, domain->store_mfn);
	store_batch_put(batch, path, "store/port", "%u", domain->store_port);
	store_batch_put(batch, path, "console/type", "xenconsoled");
	store_batch_put(batch, path, "console/output", "pty");
	store_batch_put(batch, path, "console/limit", "%" G_GINT64_FORMAT,
		option_number("console-limit") << 10);
	store_batch_put(batch, path, "console/port", "%u", domain->console_port);
	store_batch_put(batch, path, "console/ring-ref", "%" G_GUINT64_FORMAT, domain->console_mfn);
	return store_batch_commit(batch, error);
}

void store_demolish(struct domain *domain)
{
	g_autofree char *path = domain_path(domain), *vm = domain_vm_path(domain);

	store_release(domain->domid);
	store_remove("%s", path);
	store_remove("%s", vm);
}

void store_rename(struct domain *domain)
{
	g_autofree char *path = domain_path(domain), *vm = domain_vm_path(domain);
	g_autoptr(GError) error = NULL;
	struct store_batch *batch = store_batch_new();

	store_batch_put(batch, path, "name", "%s", domain->name);
	store_batch_put(batch, path, "vm", "%s", vm);
	store_batch_put(batch, vm, "name", "%s", domain->name);
	store_batch_put(batch, vm, "uuid", "%s", domain->uuid);
	if (!store_batch_commit(batch, &error))
		log_warning("domain %s: %s", domain->name, error->message);
}

void store_take_identity(struct domain *domain, const char *old_vm)
{
	g_autofree char *path = domain_path(domain), *vm = domain_vm_path(domain);
	g_autoptr(GError) error = NULL;
	struct store_batch *batch = store_batch_new();

	add_vm(domain, batch);
	store_batch_put(batch, path, "name", "%s", domain->name);
	store_batch_put(batch, path, "vm", "%s", vm);
	store_batch_remove(batch, old_vm);
	for (unsigned int i = 0; i < domain->devices->len; i++) {
		struct device *device = domain->devices->pdata[i];
		g_autofree char *back = device_back_path(domain, device);

		if (device->class->plug)
			store_batch_put(batch, back, "domain", "%s", domain->name);
	}
	if (!store_batch_commit(batch, &error))
		log_warning("domain %s: %s", domain->name, error->message);
}

bool store_set_vcpus(struct domain *domain, unsigned int vcpus, GError **error)
{
	g_autofree char *path = domain_path(domain);
	struct store_batch *batch = store_batch_new();
	struct xen_domctl_getdomaininfo info;

	if (!host_domain(domain->domid, &info)) {
		store_batch_free(batch);
		return host_fail(error, domain->domid, "say how many vCPUs it has");
	}
	for (unsigned int i = 0; i <= info.max_vcpu_id; i++) {
		g_autofree char *name = g_strdup_printf("cpu/%u/availability", i);

		store_batch_put(batch, path, name, "%s", i < vcpus ? "online" : "offline");
	}
	return store_batch_commit(batch, error);
}

bool store_build_zero(GError **error)
{
	struct store_batch *batch = store_batch_new();
	struct xen_domctl_getdomaininfo info;
	const char *path = "/local/domain/0", *vm = "/vm/00000000-0000-0000-0000-000000000000";
	unsigned int cpus = option_number("dom0-cpus");

	if (!host_domain(0, &info)) {
		store_batch_free(batch);
		return host_fail(error, 0, "describe it");
	}
	if (!cpus || cpus > info.max_vcpu_id + 1)
		cpus = info.max_vcpu_id + 1;
	store_batch_put(batch, path, "vm", "%s", vm);
	store_batch_put(batch, path, "name", "Domain-0");
	store_batch_put(batch, path, "domid", "0");
	if (!store_exists("%s/memory/target", path))
		store_batch_put(batch, path, "memory/target", "%" G_GUINT64_FORMAT,
			(uint64_t)info.tot_pages << (XC_PAGE_SHIFT - 10));
	for (unsigned int i = 0; i <= info.max_vcpu_id; i++) {
		g_autofree char *name = g_strdup_printf("cpu/%u/availability", i);

		store_batch_put(batch, path, name, "%s", i < cpus ? "online" : "offline");
	}
	store_batch_put(batch, vm, "uuid", "%s", vm + 4);
	store_batch_put(batch, vm, "name", "Domain-0");
	return store_batch_commit(batch, error);
}
