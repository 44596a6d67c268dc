/*
 * Images of other formats than raw: QEMU shows their contents as a block device, read-only. The
 * image's own structure is not the guest's, who sees only what it holds.
 */
#include "pygrub.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>
#include <linux/nbd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define DEVICES_MAX 64
/* Until the device is there, or the program has ended that served it. */
#define TRIES    100
#define TRY_USEC (G_USEC_PER_SEC / 10)
#define SAID_MAX 4095

struct image {
	char *device;
	pid_t pid;
};

/* "qemu-nbd" ends with us, and then the device is free again. */
static void in_child(void *unused)
{
	prctl(PR_SET_PDEATHSIG, SIGTERM);
}

static guint64 device_sectors(const char *name)
{
	g_autofree char *file = g_strdup_printf("/sys/block/%s/size", name), *text = NULL;

	return g_file_get_contents(file, &text, NULL, NULL) ? g_ascii_strtoull(text, NULL, 10) : 0;
}

static bool is_connected(const char *name)
{
	g_autofree char *file = g_strdup_printf("/sys/block/%s/pid", name);

	return g_file_test(file, G_FILE_TEST_EXISTS);
}

/* The name of a device that nobody uses, from the @from'th on, of which the number is left there.
 */
static char *free_device(unsigned int *from)
{
	for (; *from < DEVICES_MAX; (*from)++) {
		g_autofree char *name = g_strdup_printf("nbd%u", *from);
		g_autofree char *directory = g_strconcat("/sys/block/", name, NULL);

		if (!g_file_test(directory, G_FILE_TEST_IS_DIR))
			break;
		if (!is_connected(name) && !device_sectors(name))
			return g_steal_pointer(&name);
	}
	return NULL;
}

static void load_driver(void)
{
	static char *const argv[] = { "modprobe", "-q", "nbd", NULL };

	if (!g_file_test("/sys/block/nbd0", G_FILE_TEST_IS_DIR))
		g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL,
			NULL, NULL);
}

/* With -v it stays in the foreground, our child. */
static bool serve(
	struct image *image, const char *path, const char *format, int output, GError **error)
{
	const char *const argv[] = { "qemu-nbd", "-v", "--read-only", "--format", format,
		"--connect", image->device, path, NULL };
	g_autoptr(GError) cause = NULL;

	if (g_spawn_async_with_fds(NULL, (char **)argv, NULL,
		    G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_STDOUT_TO_DEV_NULL,
		    in_child, NULL, &image->pid, -1, -1, output, &cause))
		return true;
	return fail(error, "%s: a %s image takes qemu-nbd (package qemu-utils): %s", path, format,
		cause->message);
}

/* True with the device ready; false when the program has ended, or does not get on. */
static bool wait_ready(struct image *image)
{
	const char *name = strrchr(image->device, '/') + 1;

	for (int i = 0; i < TRIES; i++) {
		if (waitpid(image->pid, NULL, WNOHANG)) {
			image->pid = 0;
			return false;
		}
		if (is_connected(name) && device_sectors(name))
			return true;
		g_usleep(TRY_USEC);
	}
	return false;
}

/* What it has printed, in one line. */
static char *said(int output)
{
	char text[SAID_MAX + 1] = { 0 };

	if (pread(output, text, SAID_MAX, 0) < 0)
		*text = 0;
	return g_strdelimit(g_strdup(g_strstrip(text)), "\n", ' ');
}

/* True when the device was in use, and its server has been told to end. */
static bool disconnect(struct image *image)
{
	int fd = image->pid ? open(image->device, O_RDONLY | O_CLOEXEC) : -1;
	bool ok = fd >= 0 && !ioctl(fd, NBD_DISCONNECT);

	if (fd >= 0)
		close(fd);
	return ok;
}

static void end(struct image *image)
{
	int patience = disconnect(image) ? TRIES / 2 : 0;

	for (int i = 0; image->pid && i < TRIES; i++) {
		if (i >= patience)
			kill(image->pid, i == TRIES - 1 ? SIGKILL : SIGTERM);
		if (waitpid(image->pid, NULL, WNOHANG))
			image->pid = 0;
		else
			g_usleep(TRY_USEC);
	}
	image->pid = 0;
}

void image_detach(struct image *image)
{
	if (!image)
		return;
	end(image);
	g_free(image->device);
	g_free(image);
}

/* With one device after the other: somebody may have been faster. */
static bool attach(
	struct image *image, const char *path, const char *format, int output, GError **error)
{
	g_autofree char *reason = NULL;

	for (unsigned int number = 0;; number++) {
		g_autofree char *name = free_device(&number);

		if (!name)
			break;
		g_free(image->device);
		image->device = g_strconcat("/dev/", name, NULL);
		if (!serve(image, path, format, output, error))
			return false;
		if (wait_ready(image))
			return true;
		end(image);
		g_free(reason);
		reason = said(output);
		if (!strstr(reason, "/dev/nbd"))
			break;
	}
	return fail(error, "%s: cannot show the %s image as a device: %s", path, format,
		reason && *reason ? reason : "no network block device (module nbd) is free");
}

struct image *image_attach(const char *path, const char *format, GError **error)
{
	struct image *image = g_new0(struct image, 1);
	int output = memfd_create("qemu-nbd", MFD_CLOEXEC);
	bool ok;

	load_driver();
	ok = output >= 0 ? attach(image, path, format, output, error)
			 : fail(error, "cannot make a buffer: %s", g_strerror(errno));
	if (output >= 0)
		close(output);
	if (ok)
		return image;
	image_detach(image);
	return NULL;
}

const char *image_device(const struct image *image)
{
	return image->device;
}
