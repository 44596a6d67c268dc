#include "domain_lock.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "error.h"
#include "log.h"
#include "options.h"
#include "sxp.h"

static char *lock_path(const char *uuid)
{
	g_autofree char *directory = option_text("xend-domain-lock-path");

	return g_strdup_printf("%s/%s.lock", directory, uuid);
}

/* The host that has it, or NULL. */
static char *holder(const char *path)
{
	g_autoptr(GVariant) sxp = sxp_read_file(path, NULL);

	return sxp ? sxp_child_text(sxp, "host") : NULL;
}

static bool is_own(const char *path)
{
	g_autofree char *host = holder(path);

	return !g_strcmp0(host, g_get_host_name());
}

static char *contents(const char *name)
{
	g_autoptr(GVariant) sxp = g_variant_ref_sink(sxp_list(sxp_atom("lock"),
		sxp_pair("name", name), sxp_pair("host", g_get_host_name()), NULL));

	return sxp_print_pretty(sxp);
}

static bool write_new(const char *path, const char *text, GError **error)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	bool good;

	if (fd < 0)
		return fail_errno(error, "%s", path), false;
	good = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
	if (close(fd))
		good = false;
	if (good)
		return true;
	fail_errno(error, "%s", path);
	unlink(path);
	return false;
}

bool domain_lock_take(struct domain *domain, GError **error)
{
	g_autofree char *path = lock_path(domain->uuid), *text = contents(domain->name);
	g_autofree char *directory = g_path_get_dirname(path), *host = NULL;

	if (!option_flag("xend-domain-lock"))
		return true;
	g_mkdir_with_parents(directory, 0755);
	if (is_own(path))
		return g_file_set_contents(path, text, -1, error);
	if (write_new(path, text, error))
		return true;
	host = holder(path);
	if (host) {
		g_clear_error(error);
		fail(error, "Domain '%s' runs at %s, which has its lock %s", domain->name, host,
			path);
	}
	return false;
}

void domain_lock_take_over(const char *name, const char *uuid)
{
	g_autofree char *path = lock_path(uuid), *text = contents(name);
	g_autoptr(GError) error = NULL;

	if (option_flag("xend-domain-lock") && !g_file_set_contents(path, text, -1, &error))
		log_error("domain %s: its lock is not this host's: %s", name, error->message);
}

void domain_lock_drop(struct domain *domain)
{
	g_autofree char *path = lock_path(domain->uuid);

	if (option_flag("xend-domain-lock") && is_own(path))
		unlink(path);
}
