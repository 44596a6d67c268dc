#include "domain.h"

#include <stdlib.h>
#include <string.h>

#include "device.h"
#include "error.h"
#include "host.h"

#define ZERO_UUID "00000000-0000-0000-0000-000000000000"

static GMutex registry;
static GPtrArray *domains;

static const char *const phases[] = {
	[PHASE_HALTED] = "halted",
	[PHASE_BUILDING] = "building",
	[PHASE_RUNNING] = "running",
	[PHASE_SHUTDOWN] = "shutdown",
};

const char *phase_name(enum phase phase)
{
	return phases[phase];
}

struct domain *domain_ref(struct domain *domain)
{
	g_atomic_ref_count_inc(&domain->refs);
	return domain;
}

void domain_unref(struct domain *domain)
{
	if (!domain || !g_atomic_ref_count_dec(&domain->refs))
		return;
	g_rec_mutex_clear(&domain->lock);
	g_free(domain->name);
	g_free(domain->uuid);
	g_free(domain->draft);
	g_free(domain->moving);
	g_free(domain->sent_to);
	g_clear_pointer(&domain->published, g_variant_unref);
	config_free(domain->config);
	g_ptr_array_unref(domain->devices);
	g_free(domain);
}

void domain_unlock_unref(struct domain *domain)
{
	if (!domain)
		return;
	g_rec_mutex_unlock(&domain->lock);
	domain_unref(domain);
}

static struct domain *domain_new(struct config *config)
{
	struct domain *domain = g_new0(struct domain, 1);

	g_atomic_ref_count_init(&domain->refs);
	g_rec_mutex_init(&domain->lock);
	domain->name = g_strdup(config->name);
	domain->uuid = g_strdup(config->uuid);
	domain->domid = NO_DOMID;
	domain->config = config;
	domain->devices = g_ptr_array_new_with_free_func((GDestroyNotify)device_free);
	domain->published = g_variant_ref_sink(config_sxp(config));
	return domain;
}

void registry_open(void)
{
	g_autoptr(GVariant) sxp = g_variant_ref_sink(g_variant_new_parsed(
		"[<'vm'>, <[<'name'>, <'Domain-0'>]>, <[<'uuid'>, <'" ZERO_UUID "'>]>]"));
	struct config *config = config_parse(sxp, NULL);
	struct domain *zero = domain_new(config);

	zero->domid = 0;
	zero->phase = PHASE_RUNNING;
	domains = g_ptr_array_new_with_free_func((GDestroyNotify)domain_unref);
	g_ptr_array_add(domains, zero);
}

/* These run with the registry locked. */
static struct domain *find_uuid(const char *uuid)
{
	for (unsigned int i = 0; i < domains->len; i++) {
		struct domain *domain = domains->pdata[i];

		if (!g_ascii_strcasecmp(domain->uuid, uuid))
			return domain;
	}
	return NULL;
}

/* Unlike uuids, names differ by case. */
static struct domain *find_name(const char *name)
{
	for (unsigned int i = 0; i < domains->len; i++) {
		struct domain *domain = domains->pdata[i];

		if (g_str_equal(domain->name, name))
			return domain;
	}
	return NULL;
}

static struct domain *find_domid(int domid)
{
	for (unsigned int i = 0; i < domains->len; i++) {
		struct domain *domain = domains->pdata[i];

		if (domain->domid == domid)
			return domain;
	}
	return NULL;
}

static struct domain *find_any(const char *id)
{
	struct domain *domain = find_name(id);
	gint64 domid;

	if (!domain && g_ascii_string_to_signed(id, 10, 0, G_MAXINT32, &domid, NULL))
		domain = find_domid(domid);
	return domain ? domain : find_uuid(id);
}

/* What @find gives with the registry locked, with a reference; or NULL. */
#define FIND_REF(find)                                                                             \
	({                                                                                         \
		struct domain *found_;                                                             \
                                                                                                   \
		g_mutex_lock(&registry);                                                           \
		found_ = find;                                                                     \
		if (found_)                                                                        \
			domain_ref(found_);                                                        \
		g_mutex_unlock(&registry);                                                         \
		found_;                                                                            \
	})

struct domain *domain_by_domid(int domid)
{
	return FIND_REF(find_domid(domid));
}

struct domain *domain_by_uuid(const char *uuid)
{
	return FIND_REF(find_uuid(uuid));
}

static void fail_not_there(const char *id, GError **error)
{
	g_set_error(error, XENRPC_FAULT, XENRPC_FAULT_INVALID_DOMAIN, "Domain '%s' does not exist.",
		id);
}

struct domain *domain_find(const char *id, GError **error)
{
	struct domain *domain = FIND_REF(find_any(id));

	if (!domain)
		fail_not_there(id, error);
	return domain;
}

struct domain *domain_find_locked(const char *id, GError **error)
{
	struct domain *domain = domain_find(id, error);

	if (!domain)
		return NULL;
	g_rec_mutex_lock(&domain->lock);
	if (!domain->gone)
		return domain;
	domain_unlock_unref(domain);
	fail_not_there(id, error);
	return NULL;
}

static int compare(const void *a, const void *b)
{
	const struct domain *one = *(struct domain *const *)a, *two = *(struct domain *const *)b;
	unsigned int first = one->domid, second = two->domid;

	if (first != second)
		return first < second ? -1 : 1;
	return strcmp(one->name, two->name);
}

GPtrArray *domain_all(void)
{
	GPtrArray *all = g_ptr_array_new_with_free_func((GDestroyNotify)domain_unref);

	g_mutex_lock(&registry);
	for (unsigned int i = 0; i < domains->len; i++)
		g_ptr_array_add(all, domain_ref(domains->pdata[i]));
	g_ptr_array_sort(all, compare);
	g_mutex_unlock(&registry);
	return all;
}

struct domain *domain_add(struct config *config, bool managed, GError **error)
{
	struct domain *domain = domain_new(config);
	bool added = false;

	domain->managed = managed;
	g_rec_mutex_lock(&domain->lock);
	g_mutex_lock(&registry);
	if (find_name(domain->name))
		fail(error, "a domain named %s exists already", domain->name);
	else if (find_uuid(domain->uuid))
		fail(error, "a domain with uuid %s exists already", domain->uuid);
	else
		added = true;
	if (added)
		g_ptr_array_add(domains, domain_ref(domain));
	g_mutex_unlock(&registry);
	if (added)
		return domain;
	domain_unlock_unref(domain);
	return NULL;
}

void domain_remove(struct domain *domain)
{
	g_mutex_lock(&registry);
	domain->gone = true;
	g_ptr_array_remove(domains, domain);
	g_mutex_unlock(&registry);
}

struct domain_facts domain_facts(struct domain *domain)
{
	struct domain_facts facts;

	g_mutex_lock(&registry);
	facts = (struct domain_facts){
		.domid = domain->domid,
		.phase = domain->phase,
		.checkpointed = domain->checkpointed,
		.config = g_variant_ref(domain->published),
		.start_time = domain->start_time,
		.store_mfn = domain->store_mfn,
		.console_mfn = domain->console_mfn,
	};
	g_mutex_unlock(&registry);
	return facts;
}

bool domain_exists(struct domain *domain)
{
	struct domain_facts facts = domain_facts(domain);

	g_variant_unref(facts.config);
	return facts.domid != NO_DOMID;
}

/* A change of (registry) fields. */
#define CHANGE(statements)                                                                         \
	do {                                                                                       \
		g_mutex_lock(&registry);                                                           \
		statements;                                                                        \
		g_mutex_unlock(&registry);                                                         \
	} while (0)

void domain_set_phase(struct domain *domain, enum phase phase)
{
	CHANGE(domain->phase = phase);
}

void domain_set_domid(struct domain *domain, int domid)
{
	CHANGE(domain->domid = domid);
}

void domain_set_rings(struct domain *domain, uint64_t store_mfn, uint64_t console_mfn)
{
	CHANGE(domain->store_mfn = store_mfn; domain->console_mfn = console_mfn);
}

void domain_set_started(struct domain *domain, gint64 when, unsigned int restarts)
{
	CHANGE(domain->start_time = when; domain->restarts = restarts);
}

void domain_set_managed(struct domain *domain, bool managed)
{
	CHANGE(domain->managed = managed);
}

void domain_set_checkpointed(struct domain *domain, bool checkpointed)
{
	CHANGE(domain->checkpointed = checkpointed);
}

void domain_set_foreign(struct domain *domain)
{
	CHANGE(domain->foreign = true);
}

void domain_set_moving(struct domain *domain, const char *id)
{
	char *copy = g_strdup(id);

	CHANGE(g_free(domain->moving); domain->moving = copy);
}

bool domain_is_moving(struct domain *domain)
{
	bool moving;

	CHANGE(moving = domain->moving);
	return moving;
}

bool domain_moves_as(struct domain *domain, const char *id)
{
	bool same;

	CHANGE(same = domain->moving && g_str_equal(domain->moving, id));
	return same;
}

bool domain_moves_to(int from, int to)
{
	struct domain *one, *other;
	bool same;

	CHANGE(one = find_domid(from); other = find_domid(to);
		same = one && other && one->moving && g_str_equal(one->moving, other->uuid));
	return same;
}

void domain_publish(struct domain *domain)
{
	GVariant *sxp = g_variant_ref_sink(config_sxp(domain->config));

	CHANGE(g_variant_unref(domain->published); domain->published = sxp);
}

bool domain_set_identity(struct domain *domain, const char *name, const char *uuid, GError **error)
{
	/* The arguments may be the domain's own. */
	char *copies[] = { g_strdup(name), g_strdup(uuid), g_strdup(name), g_strdup(uuid) };
	char **places[] = { &domain->name, &domain->uuid, &domain->config->name,
		&domain->config->uuid };
	struct domain *other;
	bool taken;

	g_mutex_lock(&registry);
	other = find_name(name);
	if (!other || other == domain)
		other = find_uuid(uuid);
	taken = other && other != domain;
	if (taken)
		fail(error, "a domain named %s exists already", name);
	for (unsigned int i = 0; i < G_N_ELEMENTS(places); i++) {
		g_free(taken ? copies[i] : *places[i]);
		if (!taken)
			*places[i] = copies[i];
	}
	g_mutex_unlock(&registry);
	if (!taken)
		domain_publish(domain);
	return !taken;
}

bool domain_refuse_zero(struct domain *domain, GError **error)
{
	if (domain->domid == 0)
		fail(error, "Domain-0 runs this host; that cannot be done with it");
	return domain->domid != 0;
}

bool domain_refuse_foreign(struct domain *domain, GError **error)
{
	if (domain->foreign)
		fail(error, "Domain '%s' was not made by xend.", domain->name);
	return !domain->foreign;
}

bool domain_must_run(struct domain *domain, GError **error)
{
	if (domain->domid == NO_DOMID)
		fail(error, "Domain '%s' is not running.", domain->name);
	else if (domain->sent_to)
		fail(error,
			"Domain '%s' was sent to %s, which does not answer whether it runs there; see "
			"\"xm help migrate\"",
			domain->name, domain->sent_to);
	return domain->domid != NO_DOMID && !domain->sent_to;
}

char *domain_path(struct domain *domain)
{
	return g_strdup_printf("/local/domain/%d", domain->domid);
}

char *domain_vm_path(struct domain *domain)
{
	return g_strdup_printf("/vm/%s", domain->uuid);
}
