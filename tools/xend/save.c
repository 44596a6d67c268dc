/* Domains in files: saved and brought back. What is in a file is saved_file.c's and libs/guest's.
 */
#include "save.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xenstream.h>

#include "build.h"
#include "device.h"
#include "error.h"
#include "host.h"
#include "log.h"
#include "progress.h"
#include "saved_file.h"
#include "state.h"

/* ---- Saving ---- */

static bool suspend(void *data, GError **error)
{
	return domain_suspend(data, error);
}

struct saving {
	struct domain *domain;
	const char *path;
};

static bool write_domain(int fd, void *data, GError **error)
{
	struct saving *saving = data;
	struct domain *domain = saving->domain;
	struct saved_sums sums;
	struct xg_save_config config = {
		.domid = domain->domid,
		.suspend = suspend,
		.suspend_data = domain,
		.sums = &sums.stream,
		.progress = progress_set,
		.progress_data = (void *)saving->path,
	};

	progress_set("suspending", 0, 0, (void *)saving->path);
	return saved_write_head(fd, domain->config, &sums, error) &&
	       xg_save_pv(xc, fd, &config, error) && saved_write_tail(fd, &sums, error);
}

bool domain_save(struct domain *domain, const char *path, bool checkpoint, GError **error)
{
	struct saving saving = { .domain = domain, .path = path };
	bool ok = saved_replace(path, &domain->draft, write_domain, &saving, error);

	progress_end(path);
	if (!ok)
		g_prefix_error(error, "%s: ", path);
	if (ok && !checkpoint)
		domain_end(domain, false);
	else
		domain_go_on(domain);
	return ok;
}

/* ---- Restoring ---- */

/*
 * The domain that is in the file: a managed one that is halted, whose former configuration goes to
 * @old, or a new one. Takes @config.
 */
static struct domain *find_or_add(struct config *config, struct config **old, GError **error)
{
	g_autoptr(locked_domain) known = domain_find_locked(config->uuid, NULL);

	if (!known)
		return domain_add(config, false, error);
	if (!known->managed || known->phase != PHASE_HALTED || known->checkpointed) {
		config_free(config);
		return fail(error, "Domain '%s' is %s.", known->name,
			       known->checkpointed ? "suspended; resume it first" : "running"),
		       NULL;
	}
	*old = known->config;
	known->config = config;
	return g_steal_pointer(&known);
}

/* As it was before: halted, or unknown. */
static void take_back(struct domain *domain, struct config *old)
{
	if (!domain->managed) {
		domain_remove(domain);
	} else if (old) {
		config_free(domain->config);
		domain->config = old;
		domain_publish(domain);
	}
	domain_unlock_unref(domain);
}

static struct domain *restore_from(int fd, const char *path, GError **error)
{
	struct saved_sums sums;
	struct config *config = saved_read_head(fd, &sums, error), *old = NULL;
	const struct domain_stream stream = {
		.fd = fd,
		.sums = config && sums.at ? &sums.stream : NULL,
		.progress = progress_set,
		.data = (void *)path,
		.finish = saved_read_tail,
	};
	struct domain *domain = config ? find_or_add(config, &old, error) : NULL;

	if (!domain)
		return NULL;
	if (device_check_all(domain, error) && domain_build_from(domain, &stream, error)) {
		config_free(old);
		return domain;
	}
	take_back(domain, old);
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
	else if (!(domain = restore_from(fd, path, error)))
		g_prefix_error(error, "%s: ", path);
	progress_end(path);
	close(fd);
	return domain;
}

/* ---- Managed domains ---- */

bool domain_checkpoint(struct domain *domain, GError **error)
{
	g_autofree char *path = managed_checkpoint(domain);

	if (!domain_save(domain, path, false, error))
		return false;
	domain_set_checkpointed(domain, true);
	return true;
}

bool domain_resume(struct domain *domain, bool paused, GError **error)
{
	g_autofree char *path = managed_checkpoint(domain);
	g_autoptr(locked_domain) restored = NULL;

	if (!domain->checkpointed)
		return fail(error, "Domain '%s' is not suspended.", domain->name), false;
	domain_set_checkpointed(domain, false);
	restored = domain_restore(path, error);
	if (restored && !paused && !domain_unpause(restored, error)) {
		domain_end(restored, false);
		domain_unlock_unref(g_steal_pointer(&restored));
	}
	/* From here on it is another one than in the file. */
	if (restored)
		unlink(path);
	else
		domain_set_checkpointed(domain, true);
	return restored;
}

void domain_find_checkpoint(struct domain *domain)
{
	g_autofree char *path = managed_checkpoint(domain);

	if (!domain->managed)
		return;
	if (domain->phase == PHASE_HALTED)
		domain_set_checkpointed(domain, !access(path, F_OK));
	else
		unlink(path);
}
