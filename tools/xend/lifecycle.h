/* What happens to domains by themselves: they end, come and go. */
#ifndef XEND_LIFECYCLE_H
#define XEND_LIFECYCLE_H

#include "domain.h"

/* Threads for all that may block. @function(data) runs in one of them. */
void work_open(void);
void work_run(void (*function)(void *data), void *data);
/* Waits until all work is done that was begun; in the main thread, which keeps serving the main
 * loop's sources. */
void work_close(void);

/* Looks at the hypervisor's domains now and whenever xenstore says that one has come or gone. */
bool lifecycle_open(GError **error);
/* Looks again. Any thread. */
void lifecycle_look(void);

/* Puts in order what a former xend has left, once at the start; then starts what it was restarting,
 * and what on_xend_start says. */
void recover_all(void);
void start_managed(void);
/* Does what on_xend_stop says. */
void stop_managed(void);

/* Ends it and starts it anew; what cannot be started is gone. If xend dies on the way, the next one
 * goes on. */
bool domain_restart(struct domain *domain, GError **error);
/* The second half of that, for one that is halted. */
bool domain_start_again(struct domain *domain, GError **error);

/* Asks the guest to shut down: writes @reason to its control/shutdown. */
bool domain_ask_shutdown(struct domain *domain, const char *reason, GError **error);

/* A domain of the hypervisor that nobody told us of appears in the registry. */
void adopt_foreign(int domid, const char *uuid);

#endif
