/*
 * A front end's requests that have no response yet are under way in the back end; the ring that
 * both share says how many there are (public/io/ring.h, blkif.h). The guest issues those again that
 * it has not seen answered, which does no harm unless the first ones come later.
 */
#include "relocation_quiesce.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xengnttab.h>

#include "devices/disk.h"
#include "error.h"
#include "qemu.h"
#include "store.h"

#include "public/io/blkif.h"

#define REST_SECONDS 20
#define MAX_QUEUES   64

static bool is_disk(const struct device *device)
{
	return g_str_equal(device->class->front, "vbd");
}

/* The number in node @name below the front end; @missing if there is none. */
static long number_at(const char *front, const char *name, long missing)
{
	g_autofree char *text = store_read("%s/%s", front, name);

	return text ? g_ascii_strtoll(text, NULL, 10) : missing;
}

/* The grant of the first page of queue @queue's ring, or -1. */
static long ring_of(const char *front, long queues, long queue)
{
	g_autofree char *place = queues ? g_strdup_printf("queue-%ld/", queue) : g_strdup("");
	g_autofree char *one = g_strconcat(place, "ring-ref", NULL);
	g_autofree char *first = g_strconcat(place, "ring-ref0", NULL);

	return number_at(front, one, number_at(front, first, -1));
}

static bool wait_ring(const volatile blkif_sring_t *ring, gint64 end)
{
	while (ring->req_prod != ring->rsp_prod && g_get_monotonic_time() < end)
		g_usleep(1000);
	return ring->req_prod == ring->rsp_prod;
}

static bool rest_queue(
	struct domain *domain, xengnttab_handle *grants, long ref, gint64 end, GError **error)
{
	blkif_sring_t *ring = xengnttab_map_grant_ref(grants, domain->domid, ref, PROT_READ);
	bool rests;

	if (!ring)
		return fail_errno(error, "its ring cannot be looked at"), false;
	rests = wait_ring(ring, end);
	xengnttab_unmap(grants, ring, 1);
	if (!rests)
		fail(error, "its back end has not finished after %d seconds", REST_SECONDS);
	return rests;
}

static bool rest_disk(struct domain *domain, struct device *device, xengnttab_handle *grants,
	gint64 end, GError **error)
{
	g_autofree char *front = device_front_path(domain, device);
	long queues = number_at(front, "multi-queue-num-queues", 0);

	for (long i = 0; i < CLAMP(queues, 1, MAX_QUEUES); i++) {
		long ref = ring_of(front, queues, i);

		/* A front end that has not come so far has asked for nothing. */
		if (ref >= 0 && !rest_queue(domain, grants, ref, end, error))
			return false;
	}
	return true;
}

/* What the kernel has of a file and not written yet: others see only what is on the disk. */
static bool write_out(struct device *device, GError **error)
{
	g_autofree char *path = disk_file(device->config);
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	bool good = !path || (fd >= 0 && !fsync(fd));

	if (!good)
		fail_errno(error, "%s", path);
	if (fd >= 0)
		close(fd);
	return good;
}

static bool rest_all(struct domain *domain, GPtrArray *disks, GError **error)
{
	gint64 end = g_get_monotonic_time() + REST_SECONDS * G_TIME_SPAN_SECOND;
	xengnttab_handle *grants = xengnttab_open(NULL, 0);
	bool good = true;

	if (!grants)
		return fail_errno(error, "/dev/xen/gntdev"), false;
	for (unsigned int i = 0; i < disks->len && good; i++) {
		struct device *disk = disks->pdata[i];

		good = rest_disk(domain, disk, grants, end, error);
		if (!good)
			g_prefix_error(error, "disk %u: ", disk->id);
	}
	xengnttab_close(grants);
	return good;
}

/*
 * QEMU, which all of a domain's disks in image formats share, keeps their tables to itself until
 * the guest flushes.
 */
static bool write_out_all(struct domain *domain, GPtrArray *disks, GError **error)
{
	bool images = false;

	for (unsigned int i = 0; i < disks->len; i++)
		images |= g_str_equal(((struct device *)disks->pdata[i])->class->back, "qdisk");
	if (images && !qemu_write_out(domain->domid, error))
		return false;
	for (unsigned int i = 0; i < disks->len; i++) {
		struct device *disk = disks->pdata[i];

		if (!write_out(disk, error))
			return g_prefix_error(error, "disk %u: ", disk->id), false;
	}
	return true;
}

bool relocation_quiesce(struct domain *domain, GError **error)
{
	g_autoptr(GPtrArray) disks = g_ptr_array_new();

	for (unsigned int i = 0; i < domain->devices->len; i++) {
		struct device *device = domain->devices->pdata[i];

		if (is_disk(device) && !device->backend)
			g_ptr_array_add(disks, device);
	}
	return !disks->len ||
	       (rest_all(domain, disks, error) && write_out_all(domain, disks, error));
}
