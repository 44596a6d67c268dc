/*
 * Runs grub-fstest, which has GRUB's drivers for partition tables, volumes and file systems, on a
 * disk that its owner may have prepared to attack them. The process gets a root directory with
 * nothing but its program, libraries and the disk, read-only; no network; no rights; few system
 * calls; limited memory, time and output.
 */
#include "pygrub.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/securebits.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#define PROGRAM    "/usr/bin/grub-fstest"
#define NOBODY     65534
#define SECONDS    60
#define MEMORY_MAX (1ULL << 30)
#define DISK       "/disk"

static G_NORETURN void give_up(const char *what)
{
	dprintf(STDERR_FILENO, "cannot %s: %s\n", what, strerror(errno));
	_exit(126);
}

/* Shows @path of the old root at the same place below the current directory, read-only. */
static void show(const char *path, mode_t type)
{
	const char *to = path + 1;
	g_autofree char *link = NULL;
	struct stat st;

	if (lstat(path, &st))
		return;
	if (S_ISLNK(st.st_mode)) {
		link = g_file_read_link(path, NULL);
		if (!link || symlink(link, to))
			give_up("prepare links");
		return;
	}
	if (type == S_IFDIR ? mkdir(to, 0755) : mknod(to, S_IFREG | 0444, 0))
		give_up("prepare directories");
	if (mount(path, to, NULL, MS_BIND, NULL) ||
		mount(NULL, to, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV,
			NULL))
		give_up("show directories");
}

/*
 * Puts the disk below the current directory, and returns as whom it can be read: a device node is
 * made anew for nobody; a file only its owner may read needs the owner.
 */
static uid_t show_disk(int tree)
{
	struct stat st;

	if (fstatat(tree, "", &st, AT_EMPTY_PATH))
		give_up("look at the disk");
	if (S_ISBLK(st.st_mode)) {
		if (mknod("disk", S_IFBLK | 0444, st.st_rdev))
			give_up("make a device node");
		return NOBODY;
	}
	if (mknod("disk", S_IFREG | 0444, 0) ||
		move_mount(tree, "", AT_FDCWD, "disk", MOVE_MOUNT_F_EMPTY_PATH) ||
		mount(NULL, "disk", NULL, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID, NULL))
		give_up("show the disk");
	return st.st_mode & S_IROTH ? NOBODY : st.st_uid;
}

/* Makes the current directory, a mount, the root. An initial RAM disk cannot be exchanged, only be
 * covered. */
static void enter_root(void)
{
	if (!syscall(SYS_pivot_root, ".", ".")) {
		if (umount2(".", MNT_DETACH))
			give_up("leave the old root directory");
	} else if (errno != EINVAL || mount(".", "/", NULL, MS_MOVE, NULL) || chroot(".")) {
		give_up("change the root directory");
	}
	if (chdir("/"))
		give_up("enter the root directory");
}

/* A root directory of our own. Returns the user to become. */
static uid_t confine_files(const char *disk)
{
	int tree;
	uid_t uid;

	if (unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS))
		give_up("leave the namespaces");
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		give_up("make mounts private");
	tree = open_tree(AT_FDCWD, disk, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (tree < 0)
		give_up("open the disk");
	if (mount("pygrub", "/tmp", "tmpfs", MS_NOSUID, "size=64k,mode=755") || chdir("/tmp"))
		give_up("mount a root directory");
	show("/usr", S_IFDIR);
	show("/lib", S_IFDIR);
	show("/lib64", S_IFDIR);
	if (mkdir("etc", 0755))
		give_up("prepare directories");
	show("/etc/ld.so.cache", S_IFREG);
	uid = show_disk(tree);
	close(tree);
	enter_root();
	return uid;
}

static void drop_rights(uid_t uid)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[2] = { 0 };

	/* Without these a user 0 would get its rights back by execve(). */
	if (prctl(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP |
					     SECBIT_NO_SETUID_FIXUP_LOCKED |
					     SECBIT_KEEP_CAPS_LOCKED))
		give_up("set secure bits");
	for (int cap = 0; prctl(PR_CAPBSET_READ, cap) >= 0; cap++)
		prctl(PR_CAPBSET_DROP, cap);
	if (setgroups(0, NULL) || setresgid(NOBODY, NOBODY, NOBODY) || setresuid(uid, uid, uid) ||
		syscall(SYS_capset, &header, none))
		give_up("drop rights");
}

static void limit_resource(int resource, rlim_t value)
{
	struct rlimit limit = { value, value };

	if (setrlimit(resource, &limit))
		give_up("set limits");
}

/* The few system calls a program needs to load and to read files; all others fail. */
static void limit_system_calls(void)
{
	static const int allowed[] = {
		SCMP_SYS(execve),
		SCMP_SYS(exit),
		SCMP_SYS(exit_group),
		SCMP_SYS(brk),
		SCMP_SYS(mmap),
		SCMP_SYS(munmap),
		SCMP_SYS(mprotect),
		SCMP_SYS(mremap),
		SCMP_SYS(madvise),
		SCMP_SYS(access),
		SCMP_SYS(faccessat2),
		SCMP_SYS(openat),
		SCMP_SYS(close),
		SCMP_SYS(read),
		SCMP_SYS(pread64),
		SCMP_SYS(write),
		SCMP_SYS(writev),
		SCMP_SYS(lseek),
		SCMP_SYS(stat),
		SCMP_SYS(lstat),
		SCMP_SYS(fstat),
		SCMP_SYS(newfstatat),
		SCMP_SYS(statx),
		SCMP_SYS(statfs),
		SCMP_SYS(fstatfs),
		SCMP_SYS(readlink),
		SCMP_SYS(readlinkat),
		SCMP_SYS(getcwd),
		SCMP_SYS(getdents64),
		SCMP_SYS(uname),
		SCMP_SYS(arch_prctl),
		SCMP_SYS(set_tid_address),
		SCMP_SYS(set_robust_list),
		SCMP_SYS(rseq),
		SCMP_SYS(prlimit64),
		SCMP_SYS(getrandom),
		SCMP_SYS(futex),
		SCMP_SYS(rt_sigaction),
		SCMP_SYS(rt_sigprocmask),
		SCMP_SYS(rt_sigreturn),
		SCMP_SYS(getuid),
		SCMP_SYS(geteuid),
		SCMP_SYS(getgid),
		SCMP_SYS(getegid),
		SCMP_SYS(getpid),
		SCMP_SYS(clock_gettime),
		SCMP_SYS(gettimeofday),
		SCMP_SYS(time),
		SCMP_SYS(fadvise64),
		SCMP_SYS(fcntl),
	};
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int rc = filter ? 0 : -ENOMEM;

	for (size_t i = 0; i < G_N_ELEMENTS(allowed) && !rc; i++)
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);
	/* The size of a block device. */
	if (!rc)
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
			SCMP_A1(SCMP_CMP_EQ, BLKGETSIZE64));
	if (!rc)
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
			SCMP_A1(SCMP_CMP_EQ, BLKSSZGET));
	if (!rc)
		rc = seccomp_load(filter);
	if (rc) {
		errno = -rc;
		give_up("limit system calls");
	}
}

static G_NORETURN void child(
	const struct disk *disk, const char *const *argv, int out, int err, uint64_t limit)
{
	static char *const environment[] = { "LC_ALL=C", NULL };
	g_autoptr(GPtrArray) args = g_ptr_array_new();
	bool root = !geteuid();
	int null = open("/dev/null", O_RDONLY);

	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(err, STDERR_FILENO) < 0 ||
		dup2(out, STDOUT_FILENO) < 0 || close_range(STDERR_FILENO + 1, ~0U, 0))
		give_up("prepare descriptors");
	g_ptr_array_add(args, (char *)PROGRAM);
	g_ptr_array_add(args, root ? (char *)DISK : disk->path);
	for (int i = 0; argv[i]; i++)
		g_ptr_array_add(args, (char *)argv[i]);
	g_ptr_array_add(args, NULL);

	/* A user who is not root has no more rights than to his own files: nothing to take away. */
	if (root)
		drop_rights(confine_files(disk->path));
	/* Not before: a change of the user forgets it. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		give_up("renounce privileges");
	limit_resource(RLIMIT_CORE, 0);
	limit_resource(RLIMIT_CPU, SECONDS);
	limit_resource(RLIMIT_AS, MEMORY_MAX);
	limit_resource(RLIMIT_FSIZE, limit);
	limit_resource(RLIMIT_NOFILE, 64);
	signal(SIGXFSZ, SIG_DFL);
	limit_system_calls();
	execve(PROGRAM, (char *const *)args->pdata, environment);
	give_up("run " PROGRAM);
}

/* The first lines of what the child says on @fd until it closes it or time is up. */
static char *listen(int fd, pid_t pid)
{
	gint64 end = g_get_monotonic_time() + SECONDS * G_USEC_PER_SEC;
	GString *text = g_string_new(NULL);
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	char buffer[512];

	for (;;) {
		gint64 left = (end - g_get_monotonic_time()) / 1000;
		ssize_t got;

		if (left <= 0 || poll(&poll_fd, 1, left) == 0) {
			kill(pid, SIGKILL);
			g_string_assign(text, "takes too long");
			break;
		}
		got = read(fd, buffer, sizeof(buffer));
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		if (text->len < 1000)
			g_string_append_len(text, buffer, got);
	}
	return g_string_free(text, FALSE);
}

bool sandbox_run(const struct disk *disk, const char *const *argv, int out, uint64_t limit,
	int *status, char **complaint, GError **error)
{
	g_autofree char *text = NULL;
	int err[2], state;
	pid_t pid;

	if (pipe2(err, O_CLOEXEC))
		return fail(error, "cannot make a pipe: %s", g_strerror(errno));
	pid = fork();
	if (pid < 0) {
		close(err[0]);
		close(err[1]);
		return fail(error, "cannot start a process: %s", g_strerror(errno));
	}
	if (!pid)
		child(disk, argv, out, err[1], limit);
	close(err[1]);
	text = listen(err[0], pid);
	close(err[0]);
	while (waitpid(pid, &state, 0) < 0 && errno == EINTR)
		;
	g_strdelimit(g_strstrip(text), "\r\n", ' ');
	for (char *c = text; *c; c++)
		if (!g_ascii_isprint(*c))
			*c = '?';
	if (WIFSIGNALED(state) && WTERMSIG(state) == SIGXFSZ)
		return fail(error, "%s: a file on it is larger than %" G_GUINT64_FORMAT " bytes",
			disk->path, limit);
	if (WIFSIGNALED(state))
		return fail(error, "%s: reading it failed: %s", disk->path,
			*text ? text : strsignal(WTERMSIG(state)));
	if (WEXITSTATUS(state) == 126)
		return fail(error, "%s: %s", disk->path, text);
	*status = WEXITSTATUS(state);
	if (complaint)
		*complaint = g_steal_pointer(&text);
	return true;
}
