/* Disks whose back end is the kernel of domain 0: block devices, and files by way of loop devices.
 */
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "disk.h"
#include "error.h"
#include "hotplug.h"
#include "options.h"
#include "sxp.h"

static bool is_scripted(const struct disk *disk)
{
	return !g_str_equal(disk->kind, "phy") && !g_str_equal(disk->kind, "file");
}

/* "block-KIND" for kinds that are neither devices nor files here: nbd, iscsi, drbd and what others
 * may add. */
static char *script_of(const struct disk *disk)
{
	return g_strconcat("block-", disk->kind, NULL);
}

static bool has_script(const struct disk *disk)
{
	g_autofree char *script = script_of(disk);
	g_auto(GStrv) command = script_command(script);

	return !strchr(disk->kind, '/') && g_file_test(command[0], G_FILE_TEST_IS_EXECUTABLE);
}

static bool read_disk(struct device *device, struct disk *disk, GError **error)
{
	if (!disk_parse(device, disk, error))
		return false;
	if (is_scripted(disk) && !has_script(disk))
		return fail(error, "uname: there is no kind of disk '%s'", disk->kind), false;
	if (g_str_equal(disk->kind, "phy") && *disk->path != '/') {
		char *full = g_strconcat("/dev/", disk->path, NULL);

		g_free(disk->path);
		disk->path = full;
	}
	return true;
}

static bool vbd_parse(struct domain *domain, struct device *device, GError **error)
{
	g_auto(disk_t) disk = { 0 };

	return read_disk(device, &disk, error);
}

/* The block device that the back end opens, as it wants it: both numbers in hexadecimal. */
static bool add_physical(
	struct store_batch *batch, const char *back, const char *path, GError **error)
{
	struct stat st;

	if (stat(path, &st))
		return fail_errno(error, "%s", path), false;
	if (!S_ISBLK(st.st_mode))
		return fail(error, "%s is no block device", path), false;
	store_batch_put(
		batch, back, "physical-device", "%x:%x", major(st.st_rdev), minor(st.st_rdev));
	store_batch_put(batch, back, "hotplug-status", "connected");
	return true;
}

static bool plug_local(struct device *device, const struct disk *disk, struct store_batch *batch,
	const char *back, GError **error)
{
	g_autofree char *loop = NULL;
	bool file = g_str_equal(disk->kind, "file");

	if (!disk_may_use(disk, back, error))
		return false;
	if (file) {
		device->loop = loop_create(disk->path, disk->write, &loop, error);
		if (device->loop < 0)
			return false;
		store_batch_put(batch, back, "node", "%s", loop);
	}
	store_batch_put(batch, back, "type", "%s", disk->kind);
	store_batch_put(batch, back, "params", "%s", disk->path);
	store_batch_put(batch, back, "x-path", "%s", disk->path);
	return add_physical(batch, back, file ? loop : disk->path, error);
}

static bool vbd_plug(struct domain *domain, struct device *device, struct store_batch *batch,
	const char *front, const char *back, GError **error)
{
	g_auto(disk_t) disk = { 0 };

	if (!read_disk(device, &disk, error))
		return false;
	disk_nodes(device, &disk, batch, front, back);
	if (!is_scripted(&disk))
		return plug_local(device, &disk, batch, back, error);
	store_batch_put(batch, back, "type", "%s", disk.kind);
	store_batch_put(batch, back, "params", "%s", disk.path);
	return true;
}

static bool run_script(
	const struct disk *disk, const char *back, const char *action, GError **error)
{
	g_autofree char *script = script_of(disk), *path = g_strconcat("XENBUS_PATH=", back, NULL);
	const char *const environment[] = { path, "XENBUS_TYPE=vbd", "XENBUS_BASE_PATH=backend",
		NULL };

	return script_run(script, action, environment, back,
		option_number(g_str_equal(action, "add") ? "device-create-timeout"
							 : "device-destroy-timeout"),
		error);
}

static bool vbd_connect(
	struct domain *domain, struct device *device, const char *back, GError **error)
{
	g_auto(disk_t) disk = { 0 };

	if (!read_disk(device, &disk, error))
		return false;
	if (is_scripted(&disk) && !run_script(&disk, back, "add", error))
		return false;
	return device_wait_back(back, error);
}

static void vbd_cleanup(struct domain *domain, struct device *device, const char *back)
{
	g_auto(disk_t) disk = { 0 };

	if (read_disk(device, &disk, NULL) && is_scripted(&disk) && store_exists("%s/params", back))
		run_script(&disk, back, "remove", NULL);
}

static void loop_close(struct device *device)
{
	if (device->loop >= 0)
		close(device->loop);
	device->loop = -1;
}

/* Another medium in a CD drive, or another mode. */
static bool vbd_configure(struct domain *domain, struct device *device, GVariant *config,
	const char *back, GError **error)
{
	g_auto(disk_t) old = { 0 }, new = { 0 };
	struct device changed = { .class = &vbd_class, .config = config, .loop = -1 };
	struct store_batch *batch;

	if (!read_disk(device, &old, error) || !read_disk(&changed, &new, error))
		return false;
	if (changed.id != device->id || !old.cdrom)
		return fail(error, "only the medium of a CD drive can be changed"), false;
	batch = store_batch_new();
	if (!plug_local(&changed, &new, batch, back, error)) {
		store_batch_free(batch);
		return false;
	}
	store_batch_put(batch, back, "mode", "%s", new.write ? "w" : "r");
	if (!store_batch_commit(batch, error)) {
		loop_close(&changed);
		return false;
	}
	loop_close(device);
	device->loop = changed.loop;
	return true;
}

const struct device_class vbd_class = {
	.name = "vbd",
	.front = "vbd",
	.back = "vbd",
	.in_kernel = true,
	.parse = vbd_parse,
	.plug = vbd_plug,
	.connect = vbd_connect,
	.configure = vbd_configure,
	.cleanup = vbd_cleanup,
	.is_called = disk_is_called,
};
