/* SPDX-License-Identifier: ISC */
/*
 * Each case runs in a child that has given up its privileges. What the kernel
 * of this machine does not have is skipped, and said.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "log.h"
#include "sandbox.h"

static char inside[] = "/tmp/test_sandbox.XXXXXX";
static char outside[] = "/tmp/test_outside.XXXXXX";

static const char *
in(const char *directory, const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	return (path);
}

/* --- What is tried: 0 when it works, else its errno ----------------------- */

static int
outcome(long ret)
{
	return (ret == -1 ? errno : 0);
}

static int
try_write_inside(void)
{
	const int fd = open(in(inside, "new"), O_RDWR | O_CREAT, 0600);
	char old[128];

	if (fd == -1 || ftruncate(fd, 10) == -1)
		return (errno);
	strcpy(old, in(inside, "new"));
	if (rename(old, in(inside, "renamed")) == -1)
		return (errno);
	return (outcome(unlink(in(inside, "renamed"))));
}

static int
try_write_outside(void)
{
	return (outcome(open(in(outside, "new"), O_RDWR | O_CREAT, 0600)));
}

static int
try_read_outside(void)
{
	return (outcome(open(in(outside, "old"), O_RDONLY)));
}

static int
try_remove_outside(void)
{
	return (outcome(unlink(in(outside, "old"))));
}

static int
try_read_system(void)
{
	return (outcome(open("/etc/passwd", O_RDONLY)));
}

static int
try_execute(void)
{
	static char name[] = "true";
	static char *const arguments[] = {name, NULL};

	return (outcome(execv("/bin/true", arguments)));
}

static int
try_fork(void)
{
	const pid_t child = fork();

	if (child == 0)
		_exit(0);
	return (outcome(child));
}

static void *
thread_main(void *arg)
{
	return (arg);
}

static int
try_thread(void)
{
	pthread_t thread;
	const int error = pthread_create(&thread, NULL, thread_main, NULL);

	return (error == 0 ? pthread_join(thread, NULL) : error);
}

static int
try_socket_raw(void)
{
	return (outcome(socket(AF_PACKET, SOCK_DGRAM, 0)));
}

static int
try_socket(void)
{
	if (socket(AF_INET, SOCK_DGRAM, 0) == -1 ||
	    socket(AF_UNIX, SOCK_STREAM, 0) == -1)
		return (errno);
	return (0);
}

static int
try_trace(void)
{
	return (outcome(ptrace(PTRACE_TRACEME, 0, NULL, NULL)));
}

static int
try_mount(void)
{
	return (outcome(syscall(SYS_unshare, 0)));
}

/* --- Running -------------------------------------------------------------- */

/* In a child in the sandbox; its exit status, or 200 plus a signal. */
static int
confined(int (*attempt)(void))
{
	const char *const reads[] = {"/proc/self/maps"};
	const char *const writes[] = {in(inside, "file")};
	const struct sandbox_paths paths = {1, reads, 1, writes};
	int status;
	pid_t child = fork();

	if (child == 0) {
		sandbox_enter(&paths);
		_exit(attempt());
	}
	assert_int_not_equal(child, -1);
	assert_int_equal(waitpid(child, &status, 0), child);
	return (
	    WIFEXITED(status) ? WEXITSTATUS(status) : 200 + WTERMSIG(status));
}

static int
try_no_new_privileges(void)
{
	return (prctl(PR_GET_NO_NEW_PRIVS, 0UL, 0UL, 0UL, 0UL));
}

static int
try_seccomp(void)
{
	return (prctl(PR_GET_SECCOMP, 0UL, 0UL, 0UL, 0UL));
}

static void
test_no_new_privileges(void **state)
{
	(void)state;
	assert_int_equal(confined(try_no_new_privileges), 1);
	assert_int_equal(try_no_new_privileges(), 0);
}

static void
test_files(void **state)
{
	(void)state;
	if (syscall(SYS_landlock_create_ruleset, NULL, 0, 1) < 1) {
		print_message("# skipped: no Landlock here\n");
		return;
	}
	assert_int_equal(confined(try_write_inside), 0);
	assert_int_equal(confined(try_read_system), 0);
	assert_int_equal(confined(try_write_outside), EACCES);
	assert_int_equal(confined(try_read_outside), EACCES);
	assert_int_equal(confined(try_remove_outside), EACCES);
	assert_int_equal(try_read_outside(), 0);
}

static void
test_calls(void **state)
{
	(void)state;
	/* Neither with a sanitizer nor on every machine. */
	if (confined(try_seccomp) != 2) {
		print_message("# skipped: no seccomp here\n");
		return;
	}
	assert_int_equal(confined(try_socket), 0);
	assert_int_equal(confined(try_thread), 0);
	assert_int_equal(confined(try_execute), ENOSYS);
	assert_int_equal(confined(try_fork), ENOSYS);
	assert_int_equal(confined(try_socket_raw), ENOSYS);
	assert_int_equal(confined(try_trace), ENOSYS);
	assert_int_equal(confined(try_mount), ENOSYS);
}

/* --- The user ------------------------------------------------------------- */

static int
child_status(int (*attempt)(void))
{
	int status;
	const pid_t child = fork();

	if (child == 0)
		_exit(attempt());
	assert_int_equal(waitpid(child, &status, 0), child);
	return (WIFEXITED(status) ? WEXITSTATUS(status) : -1);
}

static int
become_nobody(void)
{
	if (sandbox_user("nobody") == -1)
		return (1);
	return (getuid() != 0 && geteuid() == getuid() && getegid() != 0 &&
			seteuid(0) == -1
		    ? 0
		    : 2);
}

static int
become_nothing(void)
{
	return (sandbox_user("no such user") == -1 ? 0 : 1);
}

static int
stay(void)
{
	const uid_t uid = getuid();

	return (
	    sandbox_user("") == 0 && sandbox_user(NULL) == 0 && getuid() == uid
		? 0
		: 1);
}

static void
test_user(void **state)
{
	(void)state;
	assert_int_equal(child_status(stay), 0);
	assert_int_equal(child_status(become_nothing), 0);
	if (geteuid() == 0)
		assert_int_equal(child_status(become_nobody), 0);
	else
		assert_int_equal(child_status(become_nobody), 1);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_no_new_privileges),
	    cmocka_unit_test(test_files),
	    cmocka_unit_test(test_calls),
	    cmocka_unit_test(test_user),
	};
	int failed;

	/* Below the level of what is logged here. */
	log_open(LOG_TO_SYSLOG, LOG_LEVEL_ERROR);
	if (mkdtemp(inside) == NULL || mkdtemp(outside) == NULL ||
	    close(open(in(outside, "old"), O_WRONLY | O_CREAT, 0600)) == -1)
		return (1);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(in(outside, "old"));
	rmdir(inside);
	rmdir(outside);
	return (failed);
}
