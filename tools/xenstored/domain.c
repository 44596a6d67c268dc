/* Domains: who they are, when they come and go. */
#include <errno.h>
#include <string.h>

#include "conn.h"
#include "hv.h"
#include "journal.h"
#include "ring.h"
#include "store.h"
#include "watch.h"

GHashTable *domains;

void domains_init(void)
{
	domains = g_hash_table_new_full(NULL, NULL, NULL, g_free);
	domain_add(0);
}

struct domain *domain_find(unsigned domid)
{
	return g_hash_table_lookup(domains, GUINT_TO_POINTER(domid));
}

struct domain *domain_add(unsigned domid)
{
	struct domain *domain = domain_find(domid);

	if (domain)
		return domain;
	domain = g_new0(struct domain, 1);
	domain->domid = domid;
	domain->target = DOMID_NONE;
	g_hash_table_insert(domains, GUINT_TO_POINTER(domid), domain);
	return domain;
}

struct domain *domain_get(unsigned domid)
{
	struct domain *domain = domain_find(domid);
	struct hv_domain info;

	if (domain && domain->known)
		return domain;
	if (domid >= DOMID_LIMIT)
		return NULL;
	if (hv_there()) {
		if (hv_domain(domid, &info) || info.dying)
			return NULL;
		domain = domain_add(domid);
		memcpy(domain->handle, info.handle, sizeof(info.handle));
		domain->known = true;
	}
	return domain_add(domid);
}

unsigned domain_rights(const struct domain *domain, const struct perms *perms)
{
	uint16_t domid = domain->domid, target = domain->target;

	if (domain_privileged(domain) || perms->list[0].domid == domid ||
		perms->list[0].domid == target)
		return PERM_READ | PERM_WRITE | PERM_OWNER;
	for (unsigned i = 1; i < perms->count; i++)
		if (perms->list[i].domid == domid || perms->list[i].domid == target)
			return perms->list[i].bits;
	return perms->list[0].bits;
}

void domain_reset(struct domain *domain)
{
	if (!domain->conn)
		return;
	conn_reset(domain->conn);
	journal_reset(domain->domid);
}

int domain_introduce(unsigned domid, uint64_t gfn, uint32_t port)
{
	struct domain *domain = domain_get(domid);
	int error;

	if (!domain)
		return ENOENT;
	if (domain->introduced && domid == 0)
		return 0; /* its kernel offers its own ring, which we have */
	if (domain->introduced) {
		domain_reset(domain);
		ring_close(domain);
	}
	domain->gfn = gfn;
	domain->port = port;
	error = hv_there() ? ring_open(domain, false, -1, NULL) : ENOENT;
	if (error) {
		if (domain->introduced)
			domain_release(domain);
		return error;
	}
	journal_introduce(domain);
	if (!domain->introduced)
		event_domain("@introduceDomain", domid);
	domain->introduced = true;
	domain->shutdown = false;
	return 0;
}

void domain_release(struct domain *domain)
{
	unsigned domid = domain->domid;
	bool introduced = domain->introduced;
	GHashTableIter iter;
	gpointer other;

	ring_close(domain);
	store_forget_domain(domid);
	special_forget_domain(domid);
	g_hash_table_iter_init(&iter, domains);
	while (g_hash_table_iter_next(&iter, NULL, &other))
		if (((struct domain *)other)->target == domid)
			((struct domain *)other)->target = DOMID_NONE;
	journal_release(domid);
	g_hash_table_remove(domains, GUINT_TO_POINTER(domid));
	if (introduced)
		event_domain("@releaseDomain", domid);
}

static void check(struct domain *domain)
{
	struct hv_domain info;

	if (hv_domain(domain->domid, &info) || info.dying) {
		domain_release(domain);
	} else if (info.shutdown && !domain->shutdown) {
		domain->shutdown = true;
		if (domain->introduced)
			event_domain("@releaseDomain", domain->domid);
	}
}

void domains_check(void)
{
	GList *all = g_hash_table_get_values(domains);

	for (GList *i = all; i; i = i->next)
		if (((struct domain *)i->data)->domid && hv_there())
			check(i->data);
	g_list_free(all);
}
