/*
 * Builds a paravirtual domain, runs it and shows its console until it shuts down: for trying the
 * libraries without the rest of the control stack. Runs in dom0.
 *
 * usage: pvboot [-m MIB] [-M MAX_MIB] [-v VCPUS] [-r RAMDISK] [-c CMDLINE] [-x] [-d] [-n] KERNEL
 *        pvboot -k DOMID     destroys a domain
 *   -x  tell xenstored of the domain (a Linux guest needs it to get past its balloon driver)
 *   -d  leave the domain running, its console to xenconsoled
 *   -n  only build and destroy
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xenstore.h>

#include "xenevtchn.h"
#include "xenguest.h"
#include "public/io/console.h"

static const char *last_stage = "";
static gint64 stage_start;

static void progress(const char *stage, uint64_t done, uint64_t total, void *data)
{
	gint64 now = g_get_monotonic_time();

	if (!strcmp(stage, last_stage))
		return;
	if (*last_stage)
		printf("pvboot: %s: %" G_GINT64_FORMAT " us\n", last_stage, now - stage_start);
	last_stage = stage;
	stage_start = now;
}

/* Moves what the guest has written to standard output. Returns whether there was any. */
static bool drain(struct xencons_interface *ring)
{
	uint32_t cons = ring->out_cons, prod = __atomic_load_n(&ring->out_prod, __ATOMIC_ACQUIRE);

	if (prod == cons || prod - cons > sizeof(ring->out))
		return false;
	while (cons != prod)
		putchar(ring->out[cons++ % sizeof(ring->out)]);
	fflush(stdout);
	__atomic_store_n(&ring->out_cons, cons, __ATOMIC_RELEASE);
	return true;
}

/* Shows the console until the domain shuts down; returns the reason. */
static int run(xc_interface *xc, uint32_t domid, const struct xg_pv_result *result)
{
	xenevtchn_handle *events = xenevtchn_open(NULL, 0);
	xen_pfn_t mfn = result->console_mfn;
	struct xencons_interface *ring;
	struct xen_domctl_getdomaininfo info;
	int port;

	ring = xenforeignmemory_map(xc_foreign(xc), domid, PROT_READ | PROT_WRITE, 1, &mfn, NULL);
	port = events ? xenevtchn_bind_interdomain(events, domid, result->console_port) : -1;
	if (!ring || port < 0 || xc_domain_unpause(xc, domid)) {
		perror("pvboot: cannot attach to the console");
		return -1;
	}
	for (;;) {
		struct pollfd event = { .fd = xenevtchn_fd(events), .events = POLLIN };

		if (poll(&event, 1, 200) > 0)
			xenevtchn_unmask(events, xenevtchn_pending(events));
		if (drain(ring))
			xenevtchn_notify(events, port);
		if (xc_domain_getinfo(xc, domid, &info)) {
			perror("pvboot: the domain is gone");
			return -1;
		}
		if (info.flags & XEN_DOMINF_shutdown)
			break;
	}
	drain(ring);
	xenforeignmemory_unmap(xc_foreign(xc), ring, 1);
	xenevtchn_close(events);
	return info.flags >> XEN_DOMINF_shutdownshift & XEN_DOMINF_shutdownmask;
}

enum mode { WATCH, DETACH, ONLY_BUILD };

static bool write_node(
	struct xs_handle *xs, uint32_t domid, const char *name, const char *format, ...)
{
	g_autofree char *path = g_strdup_printf("/local/domain/%u%s", domid, name);
	struct xs_permissions perms = { .id = domid, .perms = XS_PERM_NONE };
	g_autofree char *value = NULL;
	va_list args;

	va_start(args, format);
	value = g_strdup_vprintf(format, args);
	va_end(args);
	return xs_write(xs, XBT_NULL, path, value, strlen(value)) &&
	       xs_set_permissions(xs, XBT_NULL, path, &perms, 1);
}

/* The least that a guest and xenconsoled look for. */
static bool introduce(uint32_t domid, const struct xg_pv_result *result)
{
	struct xs_handle *xs = xs_open(0);
	bool ok;

	ok = xs && write_node(xs, domid, "", "%s", "") &&
	     write_node(xs, domid, "/name", "guest%u", domid) &&
	     write_node(xs, domid, "/domid", "%u", domid) &&
	     write_node(xs, domid, "/control", "%s", "") &&
	     write_node(xs, domid, "/device", "%s", "") &&
	     write_node(
		     xs, domid, "/console/ring-ref", "%" G_GUINT64_FORMAT, result->console_mfn) &&
	     write_node(xs, domid, "/console/port", "%u", result->console_port) &&
	     write_node(xs, domid, "/console/type", "%s", "xenconsoled") &&
	     write_node(xs, domid, "/console/limit", "%u", 1024 * 1024) &&
	     xs_introduce_domain(xs, domid, result->store_mfn, result->store_port);
	if (!ok)
		perror("pvboot: xenstore");
	if (xs)
		xs_close(xs);
	return ok;
}

static int build_and_run(xc_interface *xc, struct xg_pv_config *config, bool tell, enum mode mode)
{
	struct xen_domctl_createdomain create = {
		.max_vcpus = config->vcpus,
		.max_evtchn_port = 1023,
		.max_grant_frames = -1,
		.max_maptrack_frames = -1,
		.grant_opts = XEN_DOMCTL_GRANT_version(2),
	};
	struct xg_pv_result result;
	GError *error = NULL;
	int reason = -1;

	if (xc_domain_create(xc, &config->domid, &create)) {
		perror("pvboot: createdomain");
		return 1;
	}
	if (!xg_build_pv(xc, config, &result, &error)) {
		printf("pvboot: %s\n", error->message);
		g_error_free(error);
	} else {
		progress("", 0, 0, NULL);
		printf("pvboot: domain %u is built: %s, %" G_GUINT64_FORMAT " pages, ports %u %u\n",
			config->domid, result.guest_os, result.nr_pages, result.store_port,
			result.console_port);
		if (tell && !introduce(config->domid, &result))
			mode = ONLY_BUILD;
		if (mode == DETACH && !xc_domain_unpause(xc, config->domid))
			return 0;
		reason = mode == WATCH ? run(xc, config->domid, &result) : 0;
		printf("pvboot: shut down with reason %d\n", reason);
	}
	if (xc_domain_destroy(xc, config->domid))
		perror("pvboot: destroydomain");
	printf("pvboot: destroyed\n");
	return reason ? 1 : 0;
}

int main(int argc, char **argv)
{
	struct xg_pv_config config = { .memory_kb = 256 << 10, .vcpus = 1, .progress = progress };
	enum mode mode = WATCH;
	bool tell = false;
	xc_interface *xc;
	int opt;

	while ((opt = getopt(argc, argv, "m:M:v:r:c:xdnk:")) != -1) {
		switch (opt) {
		case 'm':
			config.memory_kb = strtoull(optarg, NULL, 0) << 10;
			break;
		case 'M':
			config.max_memory_kb = strtoull(optarg, NULL, 0) << 10;
			break;
		case 'v':
			config.vcpus = strtoul(optarg, NULL, 0);
			break;
		case 'r':
			config.ramdisk = optarg;
			break;
		case 'c':
			config.cmdline = optarg;
			break;
		case 'k':
			config.domid = strtoul(optarg, NULL, 0);
			break;
		case 'x':
			tell = true;
			break;
		case 'd':
			mode = DETACH;
			break;
		case 'n':
			mode = ONLY_BUILD;
			break;
		default:
			return 2;
		}
	}
	config.kernel = argv[optind];
	xc = xc_open();
	if (!xc) {
		perror("pvboot: cannot open the control interface");
		return 1;
	}
	if (config.domid && xc_domain_destroy(xc, config.domid))
		perror("pvboot: destroydomain");
	if (config.domid)
		return 0;
	opt = build_and_run(xc, &config, tell, mode);
	xc_close(xc);
	return opt;
}
