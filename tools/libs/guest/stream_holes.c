/* Pages of zeros in a file: where there are several in a row, the file has a hole. Its contents are
 * the same. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "stream.h"

/* Pages in a hole at least; a file system keeps none that is smaller than its blocks, and these
 * begin elsewhere. */
#define MIN_HOLE 4
/* How many are looked at together, so that the compiler takes vectors. */
#define ZERO_WORDS 32

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
	const uint64_t(*block)[ZERO_WORDS] = page;

	if (page == xg_zero_page)
		return true;
	for (unsigned i = 0; i < XC_PAGE_SIZE / sizeof(*block); i++) {
		uint64_t any = 0;

		for (unsigned j = 0; j < ZERO_WORDS; j++)
			any |= block[i][j];
		if (any)
			return false;
	}
	return true;
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

void xg_stream_find_holes(const struct stream *s, bool *hole, unsigned nr)
{
	struct stat st;
	off_t at = is_file(s->fd, &st) ? lseek(s->fd, 0, SEEK_CUR) : -1;

	memset(hole, 0, nr * sizeof(*hole));
	if (at < 0)
		return;
	for (unsigned i = 0; i < nr;) {
		unsigned run = hole_at(s->fd, at + (off_t)i * XC_PAGE_SIZE, nr - i);

		memset(hole + i, true, run * sizeof(*hole));
		i += run;
		if (i < nr)
			i += data_at(s->fd, at + (off_t)i * XC_PAGE_SIZE, nr - i);
	}
	lseek(s->fd, at, SEEK_SET);
}

static bool skip_hole(const struct stream *s, struct iovec *iov, unsigned nr, GError **error)
{
	for (unsigned i = 0; i < nr; i++) {
		if (iov[i].iov_base)
			memset(iov[i].iov_base, 0, XC_PAGE_SIZE);
		xg_sum_add_page(s->sum, xg_zero_page);
	}
	return lseek(s->fd, (off_t)nr * XC_PAGE_SIZE, SEEK_CUR) >= 0 ||
	       xg_stream_bad(error, "it cannot be read: %s", g_strerror(errno));
}

bool xg_stream_read_pages(
	const struct stream *s, struct iovec *iov, const bool *hole, unsigned nr, GError **error)
{
	for (unsigned i = 0, run; i < nr; i += run) {
		for (run = 1; i + run < nr && hole[i + run] == hole[i];)
			run++;
		if (!(hole[i] ? skip_hole : read_data)(s, iov + i, run, error))
			return false;
	}
	return true;
}
