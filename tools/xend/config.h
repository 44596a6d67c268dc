/*
 * The configuration of a domain: what "(vm …)" and "(domain …)" say. Everything in it has been
 * checked; what depends on the state of the host (names in use, files, free memory) is checked when
 * it is used.
 */
#ifndef XEND_CONFIG_H
#define XEND_CONFIG_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define MAX_VCPUS 128
#define MAX_CPUS  1024

/* What happens when a domain ends. */
enum action {
	ACTION_DESTROY,
	ACTION_RESTART,
	ACTION_PRESERVE,
	ACTION_RENAME_RESTART,
	ACTION_COREDUMP_DESTROY,
	ACTION_COREDUMP_RESTART,
};
const char *action_name(enum action action);

/* What happens to a managed domain when xend starts and stops. */
enum start_action { ON_START_IGNORE, ON_START_START };
enum stop_action { ON_STOP_IGNORE, ON_STOP_SHUTDOWN, ON_STOP_SUSPEND };

/* A device: its class and the list "(vif (mac …) …)". */
struct device_config {
	char *class;
	GVariant *sxp;
};

struct config {
	char *name;
	char *uuid; /* lower case, with dashes */
	char *description;
	unsigned int memory, maxmem, shadow_memory; /* MiB */
	unsigned int vcpus, maxvcpus;
	/* Which vCPUs are online at the begin, from vcpu_avail. */
	uint64_t vcpu_avail[MAX_VCPUS / 64];
	/* CPUs on which each vCPU may run: texts as "0-3,^1"; NULL: any. One for all, or one each.
	 */
	char **cpus;
	unsigned int weight, cap;
	char *bootloader, *bootloader_args;
	char *features;
	enum action on_poweroff, on_reboot, on_crash;
	enum start_action on_xend_start;
	enum stop_action on_xend_stop;
	bool localtime;
	int rtc_timeoffset;
	/* "(linux …)": the image's type, and the list with all that it says. */
	char *image_type;
	GVariant *image;
	GPtrArray *devices; /* of struct device_config */
	/* Whatever else was said and is kept: "(name value)". */
	GPtrArray *others; /* of GVariant */
};

/*
 * From "(vm …)" or "(domain …)", with defaults for what is not said; a uuid is invented if there is
 * none. One line says what is wrong.
 */
struct config *config_parse(GVariant *sxp, GError **error);
struct config *config_copy(const struct config *config);
void config_free(struct config *config);
typedef struct config config_t;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(config_t, config_free)

/* "(vm …)"; config_parse() of it gives an equal configuration. */
GVariant *config_sxp(const struct config *config);
/* The same children, into a builder of type "av". */
void config_add_sxp(const struct config *config, GVariantBuilder *builder);

void config_add_device(struct config *config, GVariant *device);
void config_remove_device(struct config *config, unsigned int index);
void config_replace_device(struct config *config, unsigned int index, GVariant *device);

/* The kernel's file and RAM disk, or NULL. */
char *config_kernel(const struct config *config);
char *config_ramdisk(const struct config *config);
/* The command line that root, ip, nfs_* and args in the image make. */
char *config_kernel_args(const struct config *config);

/* Whether a domain may have this name; the error says why not. */
bool config_check_name(const char *name, GError **error);

/*
 * CPUs from "0-3,^1", "all" or "any": sets bits of @map, which has MAX_CPUS bits. Only CPUs below
 * @nr_cpus. Fails if that leaves none.
 */
bool cpus_parse(const char *text, unsigned int nr_cpus, uint8_t *map, GError **error);

#endif
