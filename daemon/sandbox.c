/* SPDX-License-Identifier: ISC */
#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <libgen.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>

#include "log.h"

/*
 * The user
 */

int
sandbox_user(const char *user)
{
	const struct passwd *entry;

	if (user == NULL || *user == '\0')
		return (0);
	if ((entry = getpwnam(user)) == NULL) {
		log_error(
		    "sandbox.user user=%s problem=\"no such user\"", user);
		return (-1);
	}
	if (geteuid() == entry->pw_uid && getuid() == entry->pw_uid)
		return (0);
	if (initgroups(user, entry->pw_gid) == -1 ||
	    setresgid(entry->pw_gid, entry->pw_gid, entry->pw_gid) == -1 ||
	    setresuid(entry->pw_uid, entry->pw_uid, entry->pw_uid) == -1) {
		log_error("sandbox.user user=%s problem=\"%s\"", user,
		    strerror(errno));
		return (-1);
	}
	/* Back to root must be impossible. */
	if (entry->pw_uid != 0 && setuid(0) != -1) {
		log_error("sandbox.user user=%s problem=\"still root\"", user);
		return (-1);
	}
	log_info("sandbox.user user=%s uid=%ld gid=%ld", user,
	    (long)entry->pw_uid, (long)entry->pw_gid);
	return (0);
}

/*
 * Landlock. Rights that headers of an older kernel do not name are given by
 * number: a kernel that does not know them says so by its version.
 */

#define FS_TRUNCATE (UINT64_C(1) << 14) /* from version 3 */
#define FS_READ	    (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define FS_CHANGE                                                              \
	(LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_FILE |      \
	    LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK)
#define FS_NEVER                                                               \
	(LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_REMOVE_DIR |          \
	    LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR |       \
	    LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK |     \
	    LANDLOCK_ACCESS_FS_MAKE_SYM)

/*
 * What the libraries read: names of groups, the list of public suffixes,
 * trust anchors, modules of the C library; and the kernel's random octets.
 */
static const char *const system_paths[] = {"/etc", "/usr", "/lib", "/lib64",
    "/dev/urandom", "/dev/random", "/dev/null", "/proc"};

static int
rule_add(int ruleset, const char *path, uint64_t rights)
{
	struct landlock_path_beneath_attr rule = {.allowed_access = rights};
	int ret;

	rule.parent_fd = open(path, O_PATH | O_CLOEXEC);
	if (rule.parent_fd == -1)
		return (errno == ENOENT ? 0 : -1);
	ret = (int)syscall(SYS_landlock_add_rule, ruleset,
	    LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
	close(rule.parent_fd);
	return (ret);
}

static int
directory_add(int ruleset, const char *file, uint64_t rights)
{
	char copy[4096];

	if ((size_t)snprintf(copy, sizeof(copy), "%s", file) >= sizeof(copy))
		return (-1);
	return (rule_add(ruleset, dirname(copy), rights));
}

static int
rules_add(int ruleset, const struct sandbox_paths *paths, uint64_t handled)
{
	const uint64_t file = LANDLOCK_ACCESS_FS_READ_FILE;
	size_t i;

	for (i = 0; i < sizeof(system_paths) / sizeof(*system_paths); i++)
		if (rule_add(ruleset, system_paths[i],
			strncmp(system_paths[i], "/dev", 4) == 0
			    ? file
			    : FS_READ) == -1)
			return (-1);
	for (i = 0; i < paths->reads; i++)
		if (directory_add(ruleset, paths->read[i], FS_READ) == -1)
			return (-1);
	for (i = 0; i < paths->writes; i++)
		if (directory_add(ruleset, paths->write[i],
			(FS_READ | FS_CHANGE | FS_TRUNCATE) & handled) == -1)
			return (-1);
	return (0);
}

/* Returns the version in force, or -1. */
static int
landlock_enter(const struct sandbox_paths *paths)
{
	struct landlock_ruleset_attr attr = {
	    .handled_access_fs = FS_READ | FS_CHANGE | FS_NEVER};
	const int version = (int)syscall(SYS_landlock_create_ruleset, NULL, 0,
	    LANDLOCK_CREATE_RULESET_VERSION);
	int ruleset, ret;

	if (version < 1)
		return (-1);
	if (version >= 3)
		attr.handled_access_fs |= FS_TRUNCATE;
	ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr,
	    sizeof(attr.handled_access_fs), 0);
	if (ruleset == -1)
		return (-1);
	ret = rules_add(ruleset, paths, attr.handled_access_fs);
	if (ret == 0)
		ret = (int)syscall(SYS_landlock_restrict_self, ruleset, 0);
	close(ruleset);
	return (ret == 0 ? version : -1);
}

/*
 * seccomp. A call that is not on the list fails as if the kernel did not have
 * it: libraries then do without, and a hole in the list is no crash.
 */

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#elif defined(__riscv) && __riscv_xlen == 64
#define ARCH AUDIT_ARCH_RISCV64
#endif

/* Sanitizers trace their own process. */
#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif

#if defined(ARCH) && !defined(SANITIZED)

#define CALL(name) SYS_##name

static const int calls[] = {
    /* files */
    CALL(read),
    CALL(write),
    CALL(readv),
    CALL(writev),
    CALL(pread64),
    CALL(pwrite64),
    CALL(preadv),
    CALL(pwritev),
    CALL(lseek),
    CALL(openat),
    CALL(close),
    CALL(fstat),
    CALL(newfstatat),
    CALL(statx),
    CALL(faccessat),
    CALL(faccessat2),
    CALL(readlinkat),
    CALL(getdents64),
    CALL(renameat2),
    CALL(unlinkat),
    CALL(ftruncate),
    CALL(fallocate),
    CALL(fsync),
    CALL(fdatasync),
    CALL(msync),
    CALL(flock),
    CALL(fcntl),
    CALL(fchmod),
    CALL(fchmodat),
    CALL(fchown),
    CALL(fchownat),
    CALL(umask),
    CALL(dup),
    CALL(dup3),
    CALL(getcwd),
    CALL(fstatfs),
    CALL(statfs),
    CALL(ioctl),
    CALL(sync_file_range),
#ifdef SYS_open
    CALL(open),
    CALL(stat),
    CALL(lstat),
    CALL(access),
    CALL(readlink),
    CALL(rename),
    CALL(unlink),
    CALL(chmod),
    CALL(chown),
    CALL(dup2),
#endif
#ifdef SYS_renameat
    CALL(renameat),
#endif
    /* memory */
    CALL(mmap),
    CALL(munmap),
    CALL(mprotect),
    CALL(mremap),
    CALL(madvise),
    CALL(brk),
    CALL(membarrier),
    /* threads; clone itself is below */
    CALL(futex),
    CALL(set_robust_list),
    CALL(get_robust_list),
    CALL(rseq),
    CALL(set_tid_address),
    CALL(exit),
    CALL(exit_group),
    CALL(sched_yield),
    CALL(sched_getaffinity),
    CALL(getcpu),
    CALL(gettid),
    CALL(tgkill),
    /* signals */
    CALL(rt_sigaction),
    CALL(rt_sigprocmask),
    CALL(rt_sigreturn),
    CALL(rt_sigsuspend),
    CALL(rt_sigtimedwait),
    CALL(sigaltstack),
    CALL(restart_syscall),
    CALL(signalfd4),
    /* the network; socket itself is below */
    CALL(bind),
    CALL(listen),
    CALL(accept),
    CALL(accept4),
    CALL(connect),
    CALL(sendto),
    CALL(recvfrom),
    CALL(sendmsg),
    CALL(recvmsg),
    CALL(sendmmsg),
    CALL(recvmmsg),
    CALL(shutdown),
    CALL(getsockname),
    CALL(getpeername),
    CALL(setsockopt),
    CALL(getsockopt),
    CALL(socketpair),
    /* waiting */
    CALL(ppoll),
    CALL(pselect6),
    CALL(epoll_create1),
    CALL(epoll_ctl),
    CALL(epoll_pwait),
    CALL(eventfd2),
    CALL(pipe2),
    CALL(timerfd_create),
    CALL(timerfd_settime),
    CALL(timerfd_gettime),
    CALL(nanosleep),
    CALL(clock_nanosleep),
#ifdef SYS_poll
    CALL(poll),
    CALL(select),
    CALL(epoll_create),
    CALL(epoll_wait),
    CALL(eventfd),
    CALL(pipe),
#endif
    /* itself */
    CALL(clock_gettime),
    CALL(clock_getres),
    CALL(gettimeofday),
    CALL(getpid),
    CALL(getppid),
    CALL(getuid),
    CALL(geteuid),
    CALL(getgid),
    CALL(getegid),
    CALL(getgroups),
    CALL(getrandom),
    CALL(uname),
    CALL(sysinfo),
    CALL(getrlimit),
    CALL(prlimit64),
    CALL(getrusage),
    CALL(times),
    CALL(prctl),
    CALL(capget),
#ifdef SYS_time
    CALL(time),
#endif
};

#define CALLS (sizeof(calls) / sizeof(*calls))

#define LOAD(field)                                                            \
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define IF_EQUAL(value, yes, no)                                               \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), (yes), (no))
#define IF_BITS(value, yes, no)                                                \
	BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, (value), (yes), (no))
#define RETURN(value) BPF_STMT(BPF_RET | BPF_K, (value))
#define ALLOW	      RETURN(SECCOMP_RET_ALLOW)
#define REFUSE	      RETURN(SECCOMP_RET_ERRNO | ENOSYS)

/* The low half of the first argument: all the machines are little-endian. */
#define ARGUMENT LOAD(args[0])

static const struct sock_filter head[] = {
    LOAD(arch),
    IF_EQUAL(ARCH, 1, 0),
    RETURN(SECCOMP_RET_KILL_PROCESS),
    LOAD(nr),
    /* A thread, yes; a process, no. clone3() hides which, and is refused. */
    IF_EQUAL(SYS_clone, 0, 4),
    ARGUMENT,
    IF_BITS(CLONE_THREAD, 0, 1),
    ALLOW,
    REFUSE,
    IF_EQUAL(SYS_socket, 0, 7),
    ARGUMENT,
    IF_EQUAL(AF_UNIX, 4, 0),
    IF_EQUAL(AF_INET, 3, 0),
    IF_EQUAL(AF_INET6, 2, 0),
    IF_EQUAL(AF_NETLINK, 1, 0),
    REFUSE,
    ALLOW,
};

#define HEAD (sizeof(head) / sizeof(*head))

static int
seccomp_enter(void)
{
	struct sock_filter code[HEAD + 2 * CALLS + 1];
	struct sock_fprog program = {.filter = code};
	size_t i, n = HEAD;

	memcpy(code, head, sizeof(head));
	for (i = 0; i < CALLS; i++) {
		code[n++] =
		    (struct sock_filter)IF_EQUAL((uint32_t)calls[i], 0, 1);
		code[n++] = (struct sock_filter)ALLOW;
	}
	code[n++] = (struct sock_filter)REFUSE;
	program.len = (unsigned short)n;
	return ((int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
	    SECCOMP_FILTER_FLAG_TSYNC, &program));
}

#else

static int
seccomp_enter(void)
{
	return (-1);
}

#endif

void
sandbox_enter(const struct sandbox_paths *paths)
{
	const bool no_new = prctl(PR_SET_NO_NEW_PRIVS, 1UL, 0UL, 0UL, 0UL) == 0;
	const int landlock = landlock_enter(paths);
	const bool seccomp = seccomp_enter() == 0;
	char version[32] = "unavailable";

	if (landlock > 0)
		snprintf(version, sizeof(version), "on version=%d", landlock);
	log_info("sandbox no_new_privileges=%s seccomp=%s landlock=%s",
	    no_new ? "on" : "unavailable", seccomp ? "on" : "unavailable",
	    version);
}
