/*
 * A saved domain's file: a signature of 16 bytes, the length of the configuration in 4 bytes, most significant first,
 * the configuration as S-expression, and the stream of xenstream.h.
 */
#include "save.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xenstream.h>

#include "build.h"
#include "device.h"
#include "error.h"
#include "host.h"
#include "lifecycle.h"
#include "log.h"
#include "store.h"
#include "sxp.h"

#define SIGNATURE  "LinuxGuestRecord"
#define MAX_CONFIG (1 << 20)
/* A guest writes out what is under way before it suspends. */
#define SUSPEND_SECONDS 60

struct header {
	char signature[16];
	uint32_t length; /* big-endian */
};

/* ---- Saving ---- */

bool domain_is_suspended(struct domain *domain)
{
	struct xen_domctl_getdomaininfo info;

	return host_domain(domain->domid, &info) && info.flags & XEN_DOMINF_shutdown &&
	       (info.flags >> XEN_DOMINF_shutdownshift & XEN_DOMINF_shutdownmask) ==
		       SHUTDOWN_suspend;
}

bool domain_suspend(struct domain *domain, GError **error)
{
	gint64 end = g_get_monotonic_time() + SUSPEND_SECONDS * G_USEC_PER_SEC;
	g_autofree char *path = NULL;

	if (domain_is_suspended(domain))
		return true;
	if (!domain_ask_shutdown(domain, "suspend", error))
		return false;
	while (g_get_monotonic_time() < end) {
		struct xen_domctl_getdomaininfo info;

		if (domain_is_suspended(domain))
			return true;
		if (!host_domain(domain->domid, &info) ||
			info.flags & (XEN_DOMINF_dying | XEN_DOMINF_shutdown))
			return fail(error, "Domain '%s' ended in place of suspending.", domain->name),
			       false;
		g_usleep(20000);
	}
	/* It shall not do so later, when nobody expects it. */
	store_remove("/local/domain/%d/control/shutdown", domain->domid);
	if (domain_is_suspended(domain))
		return true;
	return fail(error, "Domain '%s' did not suspend within %d seconds.", domain->name,
		       SUSPEND_SECONDS),
	       false;
}

static bool write_all(int fd, const void *data, size_t len, GError **error)
{
	while (len) {
		ssize_t wrote = write(fd, data, len);

		if (wrote < 0 && errno == EINTR)
			continue;
		if (wrote < 0)
			return fail_errno(error, "cannot be written"), false;
		data = (const char *)data + wrote;
		len -= wrote;
	}
	return true;
}

static bool write_header(struct domain *domain, int fd, GError **error)
{
	g_autoptr(GVariant) sxp = g_variant_ref_sink(config_sxp(domain->config));
	g_autofree char *text = sxp_print(sxp);
	struct header header = { .length = GUINT32_TO_BE(strlen(text)) };

	memcpy(header.signature, SIGNATURE, sizeof(header.signature));
	return write_all(fd, &header, sizeof(header), error) &&
	       write_all(fd, text, strlen(text), error);
}

static bool suspend(void *data, GError **error)
{
	return domain_suspend(data, error);
}

static bool write_domain(struct domain *domain, int fd, GError **error)
{
	struct xg_save_config config = {
		.domid = domain->domid,
		.suspend = suspend,
		.suspend_data = domain,
	};

	if (!write_header(domain, fd, error) || !xg_save_pv(xc, fd, &config, error))
		return false;
	if (fsync(fd))
		return fail_errno(error, "cannot be written"), false;
	return true;
}

void domain_go_on(struct domain *domain)
{
	g_autoptr(GError) error = NULL;

	if (!domain_is_suspended(domain))
		return;
	if (xg_resume_pv(xc, domain->domid, &error))
		log_info("domain %s: goes on", domain->name);
	else
		log_error("domain %s: cannot go on: %s", domain->name, error->message);
}

bool domain_save(struct domain *domain, const char *path, bool checkpoint, GError **error)
{
	g_autofree char *part = g_strconcat(path, ".part", NULL);
	struct xen_domctl_getdomaininfo info;
	int fd;
	bool ok;

	if (host_domain(domain->domid, &info) && info.flags & XEN_DOMINF_paused &&
		!domain_is_suspended(domain))
		return fail(error, "Domain '%s' is paused: it cannot suspend.", domain->name), false;
	fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return fail_errno(error, "%s", part), false;
	ok = write_domain(domain, fd, error);
	if (close(fd) && ok)
		ok = (fail_errno(error, "cannot be written"), false);
	if (ok && rename(part, path))
		ok = (fail_errno(error, "cannot be put in its place"), false);
	if (!ok) {
		g_prefix_error(error, "%s: ", path);
		unlink(part);
	}
	if (ok && !checkpoint)
		domain_end(domain, false);
	else
		domain_go_on(domain);
	return ok;
}

/* ---- Restoring ---- */

static bool read_all(int fd, void *data, size_t len, GError **error)
{
	while (len) {
		ssize_t got = read(fd, data, len);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return fail_errno(error, "cannot be read"), false;
		if (!got)
			return fail(error, "is cut off"), false;
		data = (char *)data + got;
		len -= got;
	}
	return true;
}

static struct config *read_header(int fd, GError **error)
{
	g_autofree char *text = NULL;
	g_autoptr(GVariant) sxp = NULL;
	struct header header;
	uint32_t length;

	if (!read_all(fd, &header, sizeof(header), error))
		return NULL;
	length = GUINT32_FROM_BE(header.length);
	if (memcmp(header.signature, SIGNATURE, sizeof(header.signature)) || length > MAX_CONFIG)
		return fail(error, "is no saved domain"), NULL;
	text = g_malloc(length);
	if (!read_all(fd, text, length, error))
		return NULL;
	sxp = sxp_parse(text, length, error);
	if (sxp)
		g_variant_ref_sink(sxp);
	return sxp ? config_parse(sxp, error) : NULL;
}

/* The domain that is in the file: a managed one that is halted, or a new one. Takes @config. */
static struct domain *find_or_add(struct config *config, GError **error)
{
	g_autoptr(locked_domain) known = domain_find_locked(config->uuid, NULL);

	if (!known)
		return domain_add(config, false, error);
	if (!known->managed || known->phase != PHASE_HALTED) {
		config_free(config);
		return fail(error, "Domain '%s' is running.", known->name), NULL;
	}
	config_free(known->config);
	known->config = config;
	return g_steal_pointer(&known);
}

static struct domain *restore_from(int fd, GError **error)
{
	struct config *config = read_header(fd, error);
	struct domain *domain = config ? find_or_add(config, error) : NULL;
	bool ok = domain;

	for (unsigned int i = 0; ok && i < domain->config->devices->len; i++) {
		struct device_config *device = domain->config->devices->pdata[i];

		ok = device_check(domain, device->sxp, error);
	}
	if (ok && domain_build_from(domain, fd, error))
		return domain;
	if (domain && !domain->managed)
		domain_remove(domain);
	if (domain)
		domain_unlock_unref(domain);
	return NULL;
}

struct domain *domain_restore(const char *path, GError **error)
{
	/* Not to wait for a pipe that nobody writes to. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct domain *domain = NULL;
	struct stat st;

	if (fd < 0)
		return fail_errno(error, "%s", path), NULL;
	if (fstat(fd, &st) || !S_ISREG(st.st_mode))
		fail(error, "%s: is no file", path);
	else if (!(domain = restore_from(fd, error)))
		g_prefix_error(error, "%s: ", path);
	close(fd);
	return domain;
}
