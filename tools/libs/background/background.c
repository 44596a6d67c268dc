#include "background.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fdio.h"

/* The longest reason that the starter is told, in bytes. */
#define REASON_MAX 512

/* Where the starter waits; -1: nobody does. */
static int starter = -1;

static bool fail_errno(const char *what, GError **error)
{
	int cause = errno;

	g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(cause), "%s: %s", what,
		g_strerror(cause));
	return false;
}

static struct flock whole_file(void)
{
	return (struct flock){ .l_type = F_WRLCK, .l_whence = SEEK_SET };
}

bool pid_file_take(const char *path, GError **error)
{
	g_autofree char *directory = g_path_get_dirname(path),
			*text = g_strdup_printf("%d\n", getpid());
	struct flock lock = whole_file();
	int fd;

	g_mkdir_with_parents(directory, 0755);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0)
		return fail_errno(path, error);
	if (fcntl(fd, F_SETLK, &lock)) {
		if (errno == EACCES || errno == EAGAIN)
			g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_AGAIN,
				"%s: another %s runs", path, program_invocation_short_name);
		else
			fail_errno(path, error);
	} else if (ftruncate(fd, 0) || !fd_write_all(fd, text, strlen(text))) {
		fail_errno(path, error);
	} else {
		/* It stays open, and so the lock. */
		return true;
	}
	close(fd);
	return false;
}

pid_t pid_file_holder(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct flock lock = whole_file();
	bool taken;

	if (fd < 0)
		return 0;
	taken = !fcntl(fd, F_GETLK, &lock) && lock.l_type != F_UNLCK;
	close(fd);
	return taken ? lock.l_pid : 0;
}

/* What the child reports: a reason up to the end, or a byte of zero when it is ready. */
static enum background await(int fd, const char *otherwise, GError **error)
{
	char reason[REASON_MAX];
	size_t length = 0;
	ssize_t n;

	*reason = 1;
	while (*reason && length < sizeof(reason) - 1 &&
		(n = read(fd, reason + length, sizeof(reason) - 1 - length)) > 0)
		length += n;
	close(fd);
	reason[length] = 0;
	if (length && !*reason)
		return BACKGROUND_STARTED;
	g_set_error_literal(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, length ? reason : otherwise);
	return BACKGROUND_FAILED;
}

static void leave(void)
{
	int null = open("/dev/null", O_RDONLY);

	setsid();
	umask(022);
	signal(SIGPIPE, SIG_IGN);
	if (chdir("/"))
		g_warning("cannot enter /");
	if (null >= 0 && null != STDIN_FILENO) {
		dup2(null, STDIN_FILENO);
		close(null);
	}
}

enum background background_start(const char *otherwise, GError **error)
{
	int ends[2];
	pid_t child;

	if (pipe2(ends, O_CLOEXEC)) {
		fail_errno("pipe", error);
		return BACKGROUND_FAILED;
	}
	child = fork();
	if (child < 0) {
		fail_errno("fork", error);
		close(ends[0]);
		close(ends[1]);
		return BACKGROUND_FAILED;
	}
	close(ends[child ? 1 : 0]);
	if (child)
		return await(ends[0], otherwise, error);
	starter = ends[1];
	leave();
	return BACKGROUND_DAEMON;
}

void background_enter(void (*say)(const char *format, ...))
{
	g_autoptr(GError) error = NULL;
	enum background background = background_start("not started", &error);

	if (background == BACKGROUND_FAILED)
		say("%s", error->message);
	if (background != BACKGROUND_DAEMON)
		_exit(background == BACKGROUND_STARTED ? 0 : 1);
}

/* A starter that is gone need not know. */
static void tell(const char *text, size_t length)
{
	if (starter < 0)
		return;
	fd_write_all(starter, text, length);
	close(starter);
	starter = -1;
}

void background_ready(void)
{
	tell("", 1);
}

void background_leave_terminal(bool keep_errors)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	dup2(null, STDOUT_FILENO);
	if (!keep_errors)
		dup2(null, STDERR_FILENO);
	close(null);
}

void background_failed(const char *message)
{
	tell(message, strlen(message));
}
