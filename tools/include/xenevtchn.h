/*
 * Event channels of a process, through /dev/xen/evtchn.
 *
 * The functions are those of the library of the same name of Xen 4.17. Ports are owned by the
 * handle and are closed with it. A port that fires is masked until xenevtchn_unmask(). Functions
 * that fail return -1 or NULL and set errno.
 */
#ifndef XENEVTCHN_H
#define XENEVTCHN_H

#include <stdint.h>

#include "public/event_channel.h"

/* A port, or -1. */
typedef int xenevtchn_port_or_error_t;
typedef struct xenevtchn_handle xenevtchn_handle;
struct xentoollog_logger;

/* Of xenevtchn_open(): let programs that this one executes inherit the descriptor. */
#define XENEVTCHN_NO_CLOEXEC (1 << 0)

/** Opens /dev/xen/evtchn. @logger is not used. */
xenevtchn_handle *xenevtchn_open(struct xentoollog_logger *logger, unsigned int flags);

/** Takes over an open descriptor of /dev/xen/evtchn. @open_flags must be 0. */
xenevtchn_handle *xenevtchn_fdopen(struct xentoollog_logger *logger, int fd, unsigned open_flags);

/** Closes the handle (NULL: nothing) and all its ports. */
int xenevtchn_close(xenevtchn_handle *xce);

/** The descriptor: readable when xenevtchn_pending() will not block; may be made non-blocking. */
int xenevtchn_fd(xenevtchn_handle *xce);

/** Sends an event on a port that this handle owns. */
int xenevtchn_notify(xenevtchn_handle *xce, evtchn_port_t port);

/** A new port that domain @domid may connect to. */
xenevtchn_port_or_error_t xenevtchn_bind_unbound_port(xenevtchn_handle *xce, uint32_t domid);

/**
 * A new port connected to @remote_port of domain @domid, which must be unbound and meant for this
 * domain.
 */
xenevtchn_port_or_error_t xenevtchn_bind_interdomain(
	xenevtchn_handle *xce, uint32_t domid, evtchn_port_t remote_port);

/** A new port on which the hypervisor reports VIRQ_* @virq. */
xenevtchn_port_or_error_t xenevtchn_bind_virq(xenevtchn_handle *xce, unsigned int virq);

/** Closes a port. */
int xenevtchn_unbind(xenevtchn_handle *xce, evtchn_port_t port);

/**
 * Waits for an event and returns its port, which is now masked. Non-blocking descriptor: -1 and
 * EAGAIN if there is none.
 */
xenevtchn_port_or_error_t xenevtchn_pending(xenevtchn_handle *xce);

/** Lets the port fire again. */
int xenevtchn_unmask(xenevtchn_handle *xce, evtchn_port_t port);

/** From now on the handle serves only connections with domain @domid. */
int xenevtchn_restrict(xenevtchn_handle *xce, domid_t domid);

#endif /* XENEVTCHN_H */
