/* The writer of streams: its parts for a domain that stands still, which serve for one that runs,
 * too. */
#ifndef GUEST_STREAM_SAVE_H
#define GUEST_STREAM_SAVE_H

#include "stream.h"

struct saver {
	struct stream s;
	xc_interface *xc;
	const struct xg_save_config *config;
	struct xen_domctl_getdomaininfo info;
	shared_info_t *shared; /* a copy, one page */
	struct stream_p2m p2m;
};

void xg_saver_begin(struct saver *v, xc_interface *xc, int fd, const struct xg_save_config *config);
void xg_saver_end(struct saver *v);

/** Whether it is a domain that can be saved. */
bool xg_saver_look(struct saver *v, GError **error);
/** The same after it has been suspended. */
bool xg_saver_check(struct saver *v, GError **error);
/** Reads shared_info alone, or with the list of frames. */
bool xg_saver_read_shared(struct saver *v, GError **error);
bool xg_saver_read_list(struct saver *v, GError **error);

/** Records, in the order of the format. Pages come before the last two. */
bool xg_saver_put_headers(struct saver *v, GError **error);
bool xg_saver_put_policy(struct saver *v, GError **error);
bool xg_saver_put_p2m(struct saver *v, GError **error);
bool xg_saver_put_time(struct saver *v, GError **error);
bool xg_saver_put_vcpus(struct saver *v, GError **error);

#endif /* GUEST_STREAM_SAVE_H */
