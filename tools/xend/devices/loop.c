#include <fcntl.h>
#include <linux/loop.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "disk.h"
#include "error.h"
#include "log.h"

/* Others look for a free one at the same time. */
#define MAX_TRIES 32

/* Connects loop device @number with @file; -1 and EBUSY: somebody was faster. */
static int connect_loop(int number, int file, const char *path, bool write, char **device)
{
	struct loop_config config = { .fd = file };
	g_autofree char *name = g_strdup_printf("/dev/loop%d", number);
	int fd = open(name, (write ? O_RDWR : O_RDONLY) | O_CLOEXEC), reason;

	if (fd < 0)
		return -1;
	/* With the last one who has it open it frees itself: nothing remains if xend is killed. */
	config.info.lo_flags = LO_FLAGS_AUTOCLEAR | (write ? 0 : LO_FLAGS_READ_ONLY);
	g_strlcpy((char *)config.info.lo_file_name, path, LO_NAME_SIZE);
	if (!ioctl(fd, LOOP_CONFIGURE, &config)) {
		*device = g_steal_pointer(&name);
		return fd;
	}
	reason = errno;
	close(fd);
	errno = reason;
	return -1;
}

int loop_create(const char *path, bool write, char **device, GError **error)
{
	int file = open(path, (write ? O_RDWR : O_RDONLY) | O_CLOEXEC);
	int control = file >= 0 ? open("/dev/loop-control", O_RDWR | O_CLOEXEC) : -1;
	int fd = -1, tries;

	if (file < 0)
		return fail_errno(error, "%s", path), -1;
	if (control < 0)
		fail_errno(error, "there are no loop devices (is the module loop loaded?)");
	for (tries = 0; control >= 0 && fd < 0 && tries < MAX_TRIES; tries++) {
		int number = ioctl(control, LOOP_CTL_GET_FREE);

		if (number >= 0)
			fd = connect_loop(number, file, path, write, device);
		if (fd < 0 && (number < 0 || errno != EBUSY))
			break;
	}
	if (control >= 0 && fd < 0)
		fail_errno(error, "no loop device for %s", path);
	if (control >= 0)
		close(control);
	close(file);
	return fd;
}
