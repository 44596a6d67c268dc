/*
 * What xenstored needs of the hypervisor, behind one seam: tests put another implementation in its
 * place. Functions that fail return -1 or NULL and set errno.
 */
#ifndef XENSTORED_HV_H
#define XENSTORED_HV_H

#include <stdbool.h>
#include <stdint.h>

struct xenstore_domain_interface;

/** Opens the devices and asks for the event "a domain died". @return a descriptor to poll for
 * events. */
int hv_open(void);

/** Whether hv_open() succeeded. */
bool hv_there(void);

struct hv_domain {
	uint8_t handle[16];
	bool dying, shutdown;
};

/** @return 0, or -1 when there is no such domain. */
int hv_domain(unsigned domid, struct hv_domain *info);

/** Domain 0's own ring and the port of its event channel, as its kernel offers them. */
struct xenstore_domain_interface *hv_own_ring(uint32_t *port);

/** Maps a domain's ring: the grant set aside for it, else the frame. */
struct xenstore_domain_interface *hv_map_ring(unsigned domid, uint64_t gfn);
void hv_unmap_ring(unsigned domid, struct xenstore_domain_interface *ring);

/** Connects to the domain's end of an event channel. @return our end. */
int hv_bind(unsigned domid, uint32_t remote);
void hv_unbind(uint32_t port);
void hv_notify(uint32_t port);

/** The next port with an event, which may fire again from now on; -1 when there is none. */
int hv_pending(void);

/** Whether the port is that of "a domain died". */
bool hv_is_domain_event(uint32_t port);

#endif
