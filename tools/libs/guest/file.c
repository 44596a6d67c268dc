/* Reading kernel and RAM disk files. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fdio.h"
#include "private.h"

/* The first is a name, not a subtraction. */
/* clang-format off */
G_DEFINE_QUARK(xg-error-quark, xg_error)
/* clang-format on */

void xg_blob_free(struct xg_blob *blob)
{
	if (blob->reserved)
		munmap(blob->data, blob->reserved);
	*blob = (struct xg_blob){ 0 };
}

int xg_open_file(const char *what, const char *path, uint64_t *size, GError **error)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0 || fstat(fd, &st)) {
		g_set_error(
			error, XG_ERROR, XG_ERROR_FILE, "%s %s: %s", what, path, g_strerror(errno));
	} else if (!S_ISREG(st.st_mode)) {
		g_set_error(
			error, XG_ERROR, XG_ERROR_FILE, "%s %s: not a regular file", what, path);
	} else if (!st.st_size) {
		g_set_error(error, XG_ERROR, XG_ERROR_FILE, "%s %s: the file is empty", what, path);
	} else {
		*size = st.st_size;
		return fd;
	}
	if (fd >= 0)
		close(fd);
	return -1;
}

bool xg_read_file(
	const char *what, const char *path, size_t limit, struct xg_blob *out, GError **error)
{
	uint64_t size = 0;
	int fd = xg_open_file(what, path, &size, error);
	bool ok = false;

	if (fd < 0)
		return false;
	if (size > limit) {
		g_set_error(error, XG_ERROR, XG_ERROR_FORMAT,
			"%s %s: larger than any kernel (%" G_GUINT64_FORMAT " bytes)", what, path,
			size);
		goto out;
	}
	/* Not mapped from the file: that would end in a signal if the file shrank. */
	out->data = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (out->data == MAP_FAILED) {
		out->data = NULL;
		g_set_error(error, XG_ERROR, XG_ERROR_MEMORY, "%s %s: %s", what, path,
			g_strerror(errno));
		goto out;
	}
	out->len = out->reserved = size;
	ok = fd_read_all(fd, out->data, size);
	if (!ok)
		g_set_error(
			error, XG_ERROR, XG_ERROR_FILE, "%s %s: %s", what, path, g_strerror(errno));
out:
	close(fd);
	return ok;
}
