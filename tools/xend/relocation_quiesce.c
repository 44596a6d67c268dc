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

/*
 * What QEMU and the kernel have of a disk and not written yet: others see only what is on the
 * host's disk. QEMU keeps the tables of an image format to itself until the guest flushes.
 */
static bool write_out(struct domain *domain, struct device *device, GError **error)
{
	g_autofree char *path = disk_file(device->config);
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	bool good;

	if (g_str_equal(device->class->back, "qdisk") && !qemu_write_out(domain->domid, error)) {
		if (fd >= 0)
			close(fd);
		return false;
	}
	good = !path || (fd >= 0 && !fsync(fd));
	if (!good)
		fail_errno(error, "%s", path);
	if (fd >= 0)
		close(fd);
	return good;
}

bool relocation_quiesce(struct domain *domain, GError **error)
{
	gint64 end = g_get_monotonic_time() + REST_SECONDS * G_TIME_SPAN_SECOND;
	xengnttab_handle *grants = NULL;
	bool good = true;

	for (unsigned int i = 0; i < domain->devices->len && good; i++) {
		struct device *device = domain->devices->pdata[i];

		if (!is_disk(device) || device->backend)
			continue;
		if (!grants)
			grants = xengnttab_open(NULL, 0);
		good = grants ? rest_disk(domain, device, grants, end, error) &&
					write_out(domain, device, error)
			      : (fail_errno(error, "/dev/xen/gntdev"), false);
		if (!good)
			g_prefix_error(error, "disk %u: ", device->id);
	}
	if (grants)
		xengnttab_close(grants);
	return good;
}
