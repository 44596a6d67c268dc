/*
 * Devices of domains: a front end in the guest, a back end in domain 0 (or another), nodes in
 * xenstore for both, and what the host needs besides, such as a port of a bridge. Each class is one
 * file with one table of functions.
 *
 * All functions are called with domain->lock held.
 */
#ifndef XEND_DEVICE_H
#define XEND_DEVICE_H

#include "domain.h"
#include "store.h"

struct device {
	const struct device_class *class;
	unsigned int id;
	/* "(vbd …)", complete: begin again with it and the same device comes of it. */
	GVariant *config;
	uint32_t backend; /* domain with the back end */
	int loop;         /* vbd: an open loop device, or -1 */
};

struct device_class {
	const char *name;  /* in configurations */
	const char *front; /* directory of the front ends in xenstore */
	const char *back;  /* of the back ends */
	bool in_kernel;    /* the back end is a driver of its domain's kernel */

	/* Checks the configuration, sets device->id and completes device->config. */
	bool (*parse)(struct domain *domain, struct device *device, GError **error);
	/* Adds to what stands in xenstore for each device; may take things from the host. One
	 * device at a time. */
	bool (*plug)(struct domain *domain, struct device *device, struct store_batch *batch,
		const char *front, const char *back, GError **error);
	/* Waits for the back end and connects it with the host. */
	bool (*connect)(
		struct domain *domain, struct device *device, const char *back, GError **error);
	/* New settings for a device in use; likewise. NULL: cannot be done. */
	bool (*configure)(struct domain *domain, struct device *device, GVariant *config,
		const char *back, GError **error);
	/* Gives back what plug and connect took, as far as they came. Also of a former life of
	 * xend. */
	void (*cleanup)(struct domain *domain, struct device *device, const char *back);
	/* Whether users mean this device, beside its number: a name, an address. NULL: no. */
	bool (*is_called)(struct device *device, const char *name);
};

extern const struct device_class vbd_class, tap_class, vif_class, console_class;

/* The class of that name, or NULL. */
const struct device_class *device_class_find(const char *name);

void device_free(struct device *device);

/* Checks a configuration alone, for domains that do not run. */
bool device_check(struct domain *domain, GVariant *config, GError **error);
/* All of domain->config, before the domain exists; devices get their numbers. */
bool device_check_all(struct domain *domain, GError **error);

/*
 * Makes a device of a configuration and connects it; or leaves nothing. The new device is the last
 * of domain->devices; domain->config is the caller's matter.
 */
struct device *device_attach(struct domain *domain, GVariant *config, GError **error);

/*
 * Removes a device. The guest is asked first, unless it is gone; when it does not comply in time
 * that is an error, or with @force ignored.
 */
bool device_detach(struct domain *domain, struct device *device, bool force, GError **error);

/* Of a domain that does not run (any more): removes all devices, side by side. Nothing of it can
 * fail. */
void device_release_all(struct domain *domain);

/* Of a domain from before xend was started: an entry without doing anything; NULL if @config makes
 * no sense. */
struct device *device_adopt(struct domain *domain, GVariant *config);

/* By class (vbd stands for tap, too), and number or name. */
struct device *device_find(
	struct domain *domain, const char *class, const char *id, GError **error);

/* Paths in xenstore. */
char *device_front_path(struct domain *domain, struct device *device);
char *device_back_path(struct domain *domain, struct device *device);

/* A text of the device's configuration, or NULL if it is not there or empty. */
char *device_text(struct device *device, const char *name);
/* Adds "(name text)" to the configuration. */
void device_add(struct device *device, const char *name, const char *text);

/* Pairs (number, SXP) of all devices in directory @front in xenstore, of a running domain. */
GVariant *device_list(int domid, const char *front);

/* Gives a running domain's device a new configuration. */
bool device_configure(
	struct domain *domain, struct device *device, GVariant *config, GError **error);

/* Waits until the back end is ready for its front end; the error says what is missing. */
bool device_wait_back(const char *back, GError **error);

#endif
