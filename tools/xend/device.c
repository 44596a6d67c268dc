/* What all classes of devices have in common. */
#include "device.h"

#include <string.h>
#include <glib/gstdio.h>
#include <unistd.h>

#include "error.h"
#include "log.h"
#include "options.h"
#include "state.h"
#include "sxp.h"

/* enum xenbus_state of io/xenbus.h, as it stands in xenstore */
#define STATE_INITIALISING "1"
#define STATE_CLOSING      "5"
#define STATE_CLOSED       "6"

/* The back ends of domain 0's kernel, as type-domain-number */
#define BACK_END_BUS "/sys/bus/xen-backend/devices"

/* Between two looks at a back end, in microseconds */
#define WAIT_STEP 20000

/* One after the other: a check for other users of a disk holds until the nodes that show its use
 * are there. */
static GMutex plugging;

static const struct device_class *const classes[] = { &vbd_class, &tap_class, &vif_class,
	&console_class };

const struct device_class *device_class_find(const char *name)
{
	for (unsigned int i = 0; i < G_N_ELEMENTS(classes); i++)
		if (g_str_equal(classes[i]->name, g_str_equal(name, "tap2") ? "tap" : name))
			return classes[i];
	return NULL;
}

void device_free(struct device *device)
{
	if (device->loop >= 0)
		close(device->loop);
	g_variant_unref(device->config);
	g_free(device);
}

char *device_text(struct device *device, const char *name)
{
	g_autofree char *text = sxp_child_text(device->config, name);

	return text && *text ? g_steal_pointer(&text) : NULL;
}

void device_add(struct device *device, const char *name, const char *text)
{
	GVariantBuilder builder;
	GVariant *old = device->config;
	gsize i, n = sxp_length(old);

	g_variant_builder_init(&builder, G_VARIANT_TYPE("av"));
	for (i = 0; i < n; i++) {
		g_autoptr(GVariant) part = sxp_nth(old, i);

		if (!sxp_is_named(part, name))
			sxp_add(&builder, part);
	}
	sxp_add_pair(&builder, name, text);
	device->config = g_variant_ref_sink(g_variant_builder_end(&builder));
	g_variant_unref(old);
}

char *device_front_path(struct domain *domain, struct device *device)
{
	return g_strdup_printf(
		"/local/domain/%d/device/%s/%u", domain->domid, device->class->front, device->id);
}

char *device_back_path(struct domain *domain, struct device *device)
{
	return g_strdup_printf("/local/domain/%u/backend/%s/%d/%u", device->backend,
		device->class->back, domain->domid, device->id);
}

/* The domain that "(backend …)" names, running; 0 if nothing is said. */
static bool find_backend(struct device *device, GError **error)
{
	g_autofree char *name = device_text(device, "backend");
	g_autoptr(domain_t) domain = NULL;

	if (!name)
		return true;
	domain = domain_find(name, error);
	if (!domain || !domain_must_run(domain, error)) {
		g_prefix_error(error, "backend: ");
		return false;
	}
	device->backend = domain->domid;
	return true;
}

static struct device *make(struct domain *domain, GVariant *config, GError **error)
{
	g_autofree char *name = sxp_nth_text(config, 0);
	const struct device_class *class = name ? device_class_find(name) : NULL;
	struct device *device;

	if (!class)
		return fail(error, "device: there is no class %s", name ? name : "()"), NULL;
	device = g_new0(struct device, 1);
	device->class = class;
	device->config = g_variant_ref(config);
	device->loop = -1;
	if (find_backend(device, error) && class->parse(domain, device, error))
		return device;
	device_free(device);
	g_prefix_error(error, "%s: ", class->name);
	return NULL;
}

bool device_check(struct domain *domain, GVariant *config, GError **error)
{
	struct device *device = make(domain, config, error);

	if (device)
		device_free(device);
	return device;
}

bool device_check_all(struct domain *domain, GError **error)
{
	for (unsigned int i = 0; i < domain->config->devices->len; i++) {
		struct device_config *device = domain->config->devices->pdata[i];

		if (!device_check(domain, device->sxp, error))
			return false;
	}
	return true;
}

struct device *device_adopt(struct domain *domain, GVariant *config)
{
	g_autoptr(GError) error = NULL;
	struct device *device = make(domain, config, &error);

	if (device)
		g_ptr_array_add(domain->devices, device);
	else
		log_warning("domain %s: a device is lost: %s", domain->name, error->message);
	return device;
}

static bool is_new(struct domain *domain, struct device *device, GError **error)
{
	for (unsigned int i = 0; i < domain->devices->len; i++) {
		struct device *other = domain->devices->pdata[i];

		if (g_str_equal(other->class->front, device->class->front) &&
			other->id == device->id)
			return fail(error, "%s: device %u is there already", device->class->name,
				       device->id),
			       false;
	}
	return true;
}

/* What every front and back end has. */
static void add_common(struct domain *domain, struct device *device, struct store_batch *batch,
	const char *front, const char *back)
{
	store_batch_mkdir(batch, front, domain->domid, device->backend);
	store_batch_put(batch, front, "backend", "%s", back);
	store_batch_put(batch, front, "backend-id", "%u", device->backend);
	store_batch_mkdir(batch, back, device->backend, domain->domid);
	store_batch_put(batch, back, "frontend", "%s", front);
	store_batch_put(batch, back, "frontend-id", "%d", domain->domid);
	store_batch_put(batch, back, "domain", "%s", domain->name);
	store_batch_put(batch, back, "online", "1");
}

/* Both ends wait for these, so they come last. */
static void add_states(struct store_batch *batch, const char *front, const char *back)
{
	store_batch_put(batch, back, "state", STATE_INITIALISING);
	store_batch_put(batch, front, "state", STATE_INITIALISING);
}

static bool plug(struct domain *domain, struct device *device, const char *front, const char *back,
	GError **error)
{
	struct store_batch *batch = store_batch_new();
	bool done;

	add_common(domain, device, batch, front, back);
	g_mutex_lock(&plugging);
	done = device->class->plug(domain, device, batch, front, back, error);
	if (done) {
		add_states(batch, front, back);
		done = store_batch_commit(batch, error);
	} else {
		store_batch_free(batch);
	}
	g_mutex_unlock(&plugging);
	return done;
}

bool device_configure(
	struct domain *domain, struct device *device, GVariant *config, GError **error)
{
	g_autofree char *back = device_back_path(domain, device);
	bool done;

	if (!device->class->configure)
		return fail(error, "%s: cannot be changed in use", device->class->name), false;
	g_mutex_lock(&plugging);
	done = device->class->configure(domain, device, config, back, error);
	g_mutex_unlock(&plugging);
	if (done) {
		g_variant_unref(device->config);
		device->config = g_variant_ref(config);
	}
	return done;
}

static void clean_up(struct domain *domain, struct device *device)
{
	g_autofree char *front = device_front_path(domain, device);
	g_autofree char *back = device_back_path(domain, device), *parent = NULL;
	g_auto(GStrv) rest = NULL;

	if (device->class->cleanup)
		device->class->cleanup(domain, device, back);
	store_remove("%s", front);
	store_remove("%s", back);
	parent = g_path_get_dirname(back);
	rest = store_list("%s", parent);
	if (rest && !*rest)
		store_remove("%s", parent);
}

struct device *device_attach(struct domain *domain, GVariant *config, GError **error)
{
	struct device *device = make(domain, config, error);
	g_autofree char *front = NULL, *back = NULL;

	if (!device)
		return NULL;
	if (!is_new(domain, device, error)) {
		device_free(device);
		return NULL;
	}
	g_ptr_array_add(domain->devices, device);
	if (!device->class->plug)
		return device;
	/* From now on a new xend knows of it. */
	state_save(domain);
	front = device_front_path(domain, device);
	back = device_back_path(domain, device);
	if (plug(domain, device, front, back, error) &&
		(!device->class->connect || device->class->connect(domain, device, back, error)))
		return device;
	g_prefix_error(error, "%s %u: ", device->class->name, device->id);
	clean_up(domain, device);
	g_ptr_array_remove(domain->devices, device);
	state_save(domain);
	return NULL;
}

bool device_wait_back(const char *back, GError **error)
{
	/* Waiting for the front end, seeing it come, connected */
	static const char *const ready[] = { "2", "3", "4", NULL };
	g_autofree char *path = g_strconcat(back, "/state", NULL), *state = NULL, *reason = NULL;
	unsigned int seconds = option_number("device-create-timeout");

	if (store_wait_for(path, ready, seconds, &state))
		return true;
	reason = store_read("%s/error", back);
	if (reason)
		fail(error, "the back end says: %s", reason);
	else
		fail(error, "the back end does not answer (state %s after %u seconds)",
			state ? state : "none", seconds);
	return false;
}

/* Whether there is a back end that must be waited for: one that nobody has looked at has no driver.
 */
static bool begin_closing(const char *back)
{
	static const char *const idle[] = { STATE_INITIALISING, STATE_CLOSED, NULL };
	g_autofree char *online = g_strconcat(back, "/online", NULL);
	g_autofree char *path = g_strconcat(back, "/state", NULL), *state = store_read("%s", path);

	if (!state)
		return false;
	store_write(online, "0");
	store_write(path, STATE_CLOSING);
	return !g_strv_contains(idle, state);
}

/*
 * Whether the back end still has the device. One in this kernel that was not told to close, because
 * its front end vanished first, gives it up without a word: then it is gone from the bus.
 */
static bool is_held(struct domain *domain, struct device *device, const char *back)
{
	g_autofree char *state = store_read("%s/state", back), *bus = NULL;

	if (!state || g_str_equal(state, STATE_CLOSED))
		return false;
	if (!device->class->in_kernel || device->backend || g_access(BACK_END_BUS, F_OK))
		return true;
	bus = g_strdup_printf("%s/%s-%d-%u", BACK_END_BUS, device->class->back, domain->domid,
		device->id);
	return g_access(bus, F_OK) == 0;
}

static bool wait_closed(
	struct domain *domain, struct device *device, const char *back, unsigned int seconds)
{
	gint64 end = g_get_monotonic_time() + seconds * G_TIME_SPAN_SECOND;

	while (is_held(domain, device, back)) {
		if (g_get_monotonic_time() >= end)
			return false;
		g_usleep(WAIT_STEP);
	}
	return true;
}

bool device_detach(struct domain *domain, struct device *device, bool force, GError **error)
{
	g_autofree char *back = device_back_path(domain, device);
	unsigned int seconds = force ? 1 : option_number("device-destroy-timeout");

	if (!device->class->plug)
		return fail(error, "%s: cannot be removed", device->class->name), false;
	if (begin_closing(back) && !wait_closed(domain, device, back, seconds) && !force)
		return fail(error, "%s %u: the guest has not given it up after %u seconds",
			       device->class->name, device->id, seconds),
		       false;
	clean_up(domain, device);
	g_ptr_array_remove(domain->devices, device);
	return true;
}

void device_release_all(struct domain *domain)
{
	unsigned int i, seconds = option_number("device-destroy-timeout");
	gint64 end = g_get_monotonic_time() + seconds * G_TIME_SPAN_SECOND;
	g_autofree bool *closing = g_new0(bool, domain->devices->len);

	for (i = 0; i < domain->devices->len; i++) {
		g_autofree char *back = device_back_path(domain, domain->devices->pdata[i]);
		g_autofree char *front = device_front_path(domain, domain->devices->pdata[i]);

		closing[i] = begin_closing(back);
		/* A back end gives up when its front end vanishes. */
		store_remove("%s", front);
	}
	for (i = 0; i < domain->devices->len; i++) {
		struct device *device = domain->devices->pdata[i];
		g_autofree char *back = device_back_path(domain, device);
		gint64 left = (end - g_get_monotonic_time()) / G_TIME_SPAN_SECOND;

		if (closing[i] && !wait_closed(domain, device, back, MAX(left, 1)))
			log_warning("domain %s: the back end of %s %u does not close", domain->name,
				device->class->name, device->id);
		clean_up(domain, device);
	}
	g_ptr_array_set_size(domain->devices, 0);
}

/* tap devices are disks, too. */
static bool in_class(struct device *device, const char *class)
{
	return g_str_equal(device->class->name, class) || g_str_equal(device->class->front, class);
}

struct device *device_find(struct domain *domain, const char *class, const char *id, GError **error)
{
	for (unsigned int i = 0; i < domain->devices->len; i++) {
		struct device *device = domain->devices->pdata[i];
		g_autofree char *number = g_strdup_printf("%u", device->id);

		if (!in_class(device, class))
			continue;
		if (g_str_equal(number, id) ||
			(device->class->is_called && device->class->is_called(device, id)))
			return device;
	}
	fail(error, "Domain '%s' has no %s device %s.", domain->name, class, id);
	return NULL;
}
