/* Pages of zeros in a file: where there are several in a row, the file has a hole. Its contents are
 * the same. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "stream.h"

/* Pages in a hole at least; a file system keeps none that is smaller than its blocks, and these
 * begin elsewhere. */
#define MIN_HOLE 4

static bool is_file(int fd, struct stat *st)
{
	return !fstat(fd, st) && S_ISREG(st->st_mode);
}

bool xg_stream_may_skip(int fd)
{
	struct stat st;

	/* What is written over old contents must be written. */
	return is_file(fd, &st) && !(fcntl(fd, F_GETFL) & O_APPEND) &&
	       lseek(fd, 0, SEEK_CUR) == st.st_size;
}

const uint8_t xg_zero_page[XC_PAGE_SIZE];

bool xg_is_zero_page(const void *page)
{
	const uint64_t *words = page;

	if (page == xg_zero_page)
		return true;
	return !*words && !memcmp(words, words + 1, XC_PAGE_SIZE - sizeof(*words));
}

static unsigned zero_run(const struct iovec *iov, unsigned nr)
{
	unsigned run = 0;

	while (run < nr && iov[run].iov_len == XC_PAGE_SIZE && xg_is_zero_page(iov[run].iov_base))
		run++;
	return run;
}

/* Parts up to the next hole. */
static unsigned data_run(const struct iovec *iov, unsigned nr)
{
	unsigned run = 0, zeros;

	while (run < nr && (zeros = zero_run(iov + run, nr - run)) < MIN_HOLE)
		run += MAX(zeros, 1);
	return run;
}

bool xg_stream_write_pages(const struct stream *s, struct iovec *iov, unsigned nr, GError **error)
{
	for (unsigned i = 0; i < nr; i++)
		xg_sum_add_page(s->sum, iov[i].iov_base);
	while (s->skips && nr) {
		unsigned run = data_run(iov, nr);

		if (!xg_stream_writev_only(s, iov, run, error))
			return false;
		iov += run;
		nr -= run;
		run = zero_run(iov, nr);
		if (run && lseek(s->fd, (off_t)run * XC_PAGE_SIZE, SEEK_CUR) < 0)
			return xg_stream_refused(s->domid, "its file cannot be written", error);
		iov += run;
		nr -= run;
	}
	return xg_stream_writev_only(s, iov, nr, error);
}

/* How many of @nr pages from @at on lie in a hole. */
static unsigned hole_at(int fd, off_t at, unsigned nr)
{
	off_t data = lseek(fd, at, SEEK_DATA);

	return data > at ? MIN((data - at) / XC_PAGE_SIZE, nr) : 0;
}

/* How many of @nr pages from @at on have data, the first in any case. */
static unsigned data_at(int fd, off_t at, unsigned nr)
{
	off_t hole = lseek(fd, at, SEEK_HOLE);

	return hole > at ? MIN((hole - at + XC_PAGE_SIZE - 1) / XC_PAGE_SIZE, nr) : nr;
}

static bool read_data(const struct stream *s, struct iovec *iov, unsigned nr, GError **error)
{
	if (!xg_stream_readv_only(s, iov, nr, error))
		return false;
	/* One that was read in parts ends where it did. */
	for (unsigned i = 0; i < nr; i++)
		xg_sum_add_page(s->sum, (uint8_t *)iov[i].iov_base + iov[i].iov_len - XC_PAGE_SIZE);
	return true;
}

static void fill_with_zeros(const struct stream *s, const struct iovec *iov, unsigned nr)
{
	for (unsigned i = 0; i < nr; i++) {
		memset(iov[i].iov_base, 0, XC_PAGE_SIZE);
		xg_sum_add_page(s->sum, xg_zero_page);
	}
}

bool xg_stream_read_pages(const struct stream *s, struct iovec *iov, unsigned nr, GError **error)
{
	struct stat st;
	off_t at = is_file(s->fd, &st) ? lseek(s->fd, 0, SEEK_CUR) : -1;

	if (at < 0)
		return read_data(s, iov, nr, error);
	while (nr) {
		unsigned hole = hole_at(s->fd, at, nr),
			 data = hole < nr
					? data_at(s->fd, at + (off_t)hole * XC_PAGE_SIZE, nr - hole)
					: 0;

		fill_with_zeros(s, iov, hole);
		at += (off_t)hole * XC_PAGE_SIZE;
		if (lseek(s->fd, at, SEEK_SET) < 0 || !read_data(s, iov + hole, data, error))
			return false;
		at += (off_t)data * XC_PAGE_SIZE;
		iov += hole + data;
		nr -= hole + data;
	}
	return true;
}
