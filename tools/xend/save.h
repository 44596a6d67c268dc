/* Domains in files: saved and brought back. */
#ifndef XEND_SAVE_H
#define XEND_SAVE_H

#include "domain.h"

/*
 * Has the guest suspend itself and writes it to @path, which is replaced only when all of it is written. Then the domain
 * is ended, or goes on where it is if @checkpoint says so or if saving fails. domain->lock is held.
 */
bool domain_save(struct domain *domain, const char *path, bool checkpoint, GError **error);

/*
 * Makes the domain that is in @path exist again, paused; or leaves nothing. Returns it locked and with a reference.
 */
struct domain *domain_restore(const char *path, GError **error);

/*
 * Writes its memory to a file (NULL: one below /var/xen/dump), whose path it returns; the domain stands still meanwhile,
 * unless @live. domain->lock is held.
 */
char *domain_dump(struct domain *domain, const char *path, bool live, GError **error);

/* Suspends a managed domain to its file, and makes it exist again, running or paused. domain->lock is held. */
bool domain_checkpoint(struct domain *domain, GError **error);
bool domain_resume(struct domain *domain, bool paused, GError **error);
/* Once at the start: whether a managed domain is in its file. A file that was overtaken is removed. */
void domain_find_checkpoint(struct domain *domain);

/* Has the guest suspend itself, which it may do within a minute, or has not; domain->lock is held. */
bool domain_suspend(struct domain *domain, GError **error);
bool domain_is_suspended(struct domain *domain);
/*
 * Lets a guest that suspended because of domain_suspend() go on where it is; its devices have not noticed. Failure is
 * logged.
 */
void domain_go_on(struct domain *domain);
/* Does that, and removes an unfinished file, for a domain that a former xend was at work on. */
void domain_recover_suspended(struct domain *domain);

#endif
