/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "admit.h"
#include "cache.h"
#include "conf.h"
#include "hash.h"
#include "log.h"
#include "loop.h"
#include "nnguard.h"
#include "resolver.h"
#include "sandbox.h"
#include "server.h"
#include "spf_library.h"

/* Descriptors kept from clients, for files and the resolver's sockets. */
#define DESCRIPTORS_RESERVED 512
/* More clients at once than this are not mail hosts. */
#define DESCRIPTORS_CLIENTS 16384

struct flags {
	const char *path;
	bool debug, check, verbose;
};

_Noreturn static void
usage(void)
{
	fprintf(stderr, "usage: verdictd [-dnvV] [-c file]\n");
	exit(100);
}

_Noreturn static void
version(void)
{
	printf("verdictd %s\nlibunbound %s\nlmdb %s\nnanomsg %s\n"
	       "libspf2 %s\nlibconfuse %s\nlibsodium %s\n",
	    VERSION, resolver_version(), cache_library_version(),
	    server_library_version(), spf_library_version(),
	    conf_library_version(), hash_library_version());
	exit(0);
}

static struct flags
flags_read(int argc, char *argv[])
{
	struct flags flags = {.path = VERDICT_SYSCONFDIR "/verdictd.conf"};
	int c;

	while ((c = getopt(argc, argv, "c:dnvV")) != -1)
		switch (c) {
		case 'c':
			flags.path = optarg;
			break;
		case 'd':
			flags.debug = true;
			break;
		case 'n':
			flags.check = true;
			break;
		case 'v':
			flags.verbose = true;
			break;
		case 'V':
			version();
		default:
			usage();
		}
	if (optind != argc)
		usage();
	return (flags);
}

static struct conf *
conf_read(const struct flags *flags)
{
	char error[CONF_ERROR_MAX];
	struct conf *conf = conf_load(flags->path, error);

	if (conf == NULL) {
		fputs(error, stderr);
		exit(100);
	}
	if (flags->check) {
		if (flags->verbose)
			conf_print(conf, stdout);
		conf_free(conf);
		exit(fflush(stdout) == 0 ? 0 : 111);
	}
	return (conf);
}

/* As many descriptors as allowed, and a limit for clients below that. */
static void
descriptors_limit(void)
{
	struct rlimit limit;
	int clients = DESCRIPTORS_CLIENTS;

	if (getrlimit(RLIMIT_NOFILE, &limit) == -1)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	getrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_cur < DESCRIPTORS_CLIENTS + DESCRIPTORS_RESERVED)
		clients = limit.rlim_cur < 2 * DESCRIPTORS_RESERVED
			      ? (int)limit.rlim_cur / 2
			      : (int)limit.rlim_cur - DESCRIPTORS_RESERVED;
	admit_open(clients);
	nnguard_open(clients);
	log_info("descriptors limit=%llu clients=%d",
	    (unsigned long long)limit.rlim_cur, clients);
}

static const char *
socket_path(const struct server_options *options)
{
	return (server_address_is_tcp(options->address)
		    ? NULL
		    : options->address + strlen(SERVER_IPC));
}

/* The cache, what stands beside it, and the sockets. */
static void
sandbox_start(const struct conf *conf)
{
	const char **write = calloc(conf->endpoints + 2, sizeof(*write));
	struct sandbox_paths paths = {
	    .reads = conf->reads, .read = conf->read, .write = write};
	size_t i;

	if (write == NULL)
		fatal(111, "main.out_of_memory");
	write[paths.writes++] = conf->cache.file;
	write[paths.writes++] = socket_path(&conf->control);
	if (write[1] == NULL)
		paths.writes--;
	for (i = 0; i < conf->endpoints; i++)
		if (socket_path(&conf->endpoint[i]) != NULL)
			write[paths.writes++] = socket_path(&conf->endpoint[i]);
	if (conf->sandbox)
		sandbox_enter(&paths);
	else
		log_info("sandbox no_new_privileges=off seccomp=off "
			 "landlock=off");
	free(write);
}

int
main(int argc, char *argv[])
{
	const struct flags flags = flags_read(argc, argv);
	struct conf *conf = conf_read(&flags);
	struct loop *loop;
	int status;

	log_insist(flags.debug, flags.verbose);
	log_open(conf->log_target, conf->log_level);
	log_info("start version=%s pid=%ld config=%s", VERSION, (long)getpid(),
	    flags.path);
	descriptors_limit();
	if (sandbox_user(conf->user) == -1)
		return (111);
	sandbox_start(conf);
	if ((loop = loop_open(conf, flags.path)) == NULL)
		return (111);
	status = loop_run(loop);
	loop_close(loop);
	return (status);
}
