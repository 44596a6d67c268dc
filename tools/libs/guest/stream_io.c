/* Bytes and records of a saved domain's stream, to and from a file descriptor. */
#include <errno.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "stream.h"

#define IOV_BATCH 1024 /* what the kernel takes at a time */

const char *xg_stream_name(uint32_t type)
{
	static const char *const names[] = {
		[STREAM_END] = "END",
		[STREAM_PAGE_DATA] = "PAGE_DATA",
		[STREAM_X86_PV_INFO] = "X86_PV_INFO",
		[STREAM_X86_PV_P2M_FRAMES] = "X86_PV_P2M_FRAMES",
		[STREAM_X86_PV_VCPU_BASIC] = "X86_PV_VCPU_BASIC",
		[STREAM_X86_PV_VCPU_EXTENDED] = "X86_PV_VCPU_EXTENDED",
		[STREAM_X86_PV_VCPU_XSAVE] = "X86_PV_VCPU_XSAVE",
		[STREAM_SHARED_INFO] = "SHARED_INFO",
		[STREAM_X86_TSC_INFO] = "X86_TSC_INFO",
		[STREAM_HVM_CONTEXT] = "HVM_CONTEXT",
		[STREAM_HVM_PARAMS] = "HVM_PARAMS",
		[STREAM_TOOLSTACK] = "TOOLSTACK",
		[STREAM_X86_PV_VCPU_MSRS] = "X86_PV_VCPU_MSRS",
		[STREAM_VERIFY] = "VERIFY",
		[STREAM_CHECKPOINT] = "CHECKPOINT",
		[STREAM_CHECKPOINT_DIRTY_PFN_LIST] = "CHECKPOINT_DIRTY_PFN_LIST",
		[STREAM_STATIC_DATA_END] = "STATIC_DATA_END",
		[STREAM_X86_CPUID_POLICY] = "X86_CPUID_POLICY",
		[STREAM_X86_MSR_POLICY] = "X86_MSR_POLICY",
	};

	return type < G_N_ELEMENTS(names) ? names[type] : NULL;
}

bool xg_stream_refused(uint32_t domid, const char *what, GError **error)
{
	g_set_error(error, XG_ERROR, errno == ENOMEM ? XG_ERROR_MEMORY : XG_ERROR_HYPERVISOR,
		"domain %u: %s: %s", domid, what, g_strerror(errno));
	return false;
}

bool xg_stream_bad(GError **error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (error)
		*error = g_error_new_valist(XG_ERROR, XG_ERROR_FORMAT, format, args);
	va_end(args);
	return false;
}

static bool cancelled(const struct stream *s, GError **error)
{
	if (!s->cancellable || !g_cancellable_is_cancelled(s->cancellable))
		return false;
	g_set_error(error, XG_ERROR, XG_ERROR_CANCELLED, "domain %u: it was cancelled", s->domid);
	return true;
}

bool xg_stream_go_on(
	const struct stream *s, const char *stage, uint64_t done, uint64_t total, GError **error)
{
	if (s->progress)
		s->progress(stage, done, total, s->progress_data);
	return !cancelled(s, error);
}

/* Waits until @fd can be read or written, or somebody cancels. */
static bool wait_for(const struct stream *s, short events, GError **error)
{
	GPollFD fds[2] = { { .fd = s->fd, .events = events } };
	bool watched = s->cancellable && g_cancellable_make_pollfd(s->cancellable, &fds[1]);

	while (g_poll(fds, watched ? 2 : 1, -1) < 0 && errno == EINTR)
		;
	if (watched)
		g_cancellable_release_fd(s->cancellable);
	return !cancelled(s, error);
}

/* Leaves what has been moved out of @iov; returns how many are done with. */
static unsigned advance(struct iovec *iov, unsigned nr, size_t moved)
{
	unsigned done = 0;

	while (done < nr && moved >= iov[done].iov_len)
		moved -= iov[done++].iov_len;
	if (moved) {
		iov[done].iov_base = (char *)iov[done].iov_base + moved;
		iov[done].iov_len -= moved;
	}
	return done;
}

bool xg_stream_writev_only(const struct stream *s, struct iovec *iov, unsigned nr, GError **error)
{
	while (nr) {
		ssize_t wrote;
		unsigned done;

		if (!wait_for(s, G_IO_OUT, error))
			return false;
		wrote = writev(s->fd, iov, MIN(nr, IOV_BATCH));
		if (wrote < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (wrote < 0) {
			g_set_error(error, XG_ERROR, XG_ERROR_FILE,
				"domain %u: it cannot be written: %s", s->domid, g_strerror(errno));
			return false;
		}
		done = advance(iov, nr, wrote);
		iov += done;
		nr -= done;
	}
	return true;
}

bool xg_stream_writev(const struct stream *s, struct iovec *iov, unsigned nr, GError **error)
{
	for (unsigned i = 0; i < nr; i++)
		xg_sum_add(s->sum, iov[i].iov_base, iov[i].iov_len);
	return xg_stream_writev_only(s, iov, nr, error);
}

bool xg_stream_put(const struct stream *s, uint32_t type, const void *head, size_t head_len,
	const void *data, size_t len, GError **error)
{
	static const uint8_t zeros[8];
	struct stream_record record = { .type = type, .length = head_len + len };
	struct iovec iov[] = {
		{ &record, sizeof(record) },
		{ (void *)head, head_len },
		{ (void *)data, len },
		{ (void *)zeros, -record.length & 7 },
	};

	return xg_stream_writev(s, iov, G_N_ELEMENTS(iov), error);
}

bool xg_stream_readv_only(const struct stream *s, struct iovec *iov, unsigned nr, GError **error)
{
	unsigned done = advance(iov, nr, 0);

	for (iov += done, nr -= done; nr; iov += done, nr -= done) {
		ssize_t got;

		done = 0;
		if (!wait_for(s, G_IO_IN, error))
			return false;
		got = readv(s->fd, iov, MIN(nr, IOV_BATCH));
		if (got < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (!got)
			return xg_stream_bad(error, "it is cut off");
		if (got < 0) {
			g_set_error(error, XG_ERROR, XG_ERROR_FILE, "saved domain: %s",
				g_strerror(errno));
			return false;
		}
		done = advance(iov, nr, got);
	}
	return true;
}

bool xg_stream_read(const struct stream *s, void *data, size_t len, GError **error)
{
	struct iovec iov = { data, len };

	if (!xg_stream_readv_only(s, &iov, 1, error))
		return false;
	xg_sum_add(s->sum, data, len);
	return true;
}
