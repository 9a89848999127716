/* SPDX-License-Identifier: ISC */
/*
 * main() for a fuzz target where libFuzzer does not supply one: runs the
 * target on each file of its corpus, $SRC/tests/fuzz/corpus/NAME for
 * fuzz_NAME, or on the files named as arguments. It speaks TAP; a finding ends
 * it by a signal or a sanitizer's report, as it would end the fuzzer.
 */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

#define INPUT_MAX (1024 * 1024) /* libFuzzer's own limit on a unit */

static void
replay_file(const char *path)
{
	uint8_t *data;
	size_t len;
	FILE *file;

	if ((file = fopen(path, "rb")) == NULL ||
	    (data = malloc(INPUT_MAX)) == NULL) {
		printf("Bail out! %s: %s\n", path, strerror(errno));
		exit(1);
	}
	len = fread(data, 1, INPUT_MAX, file);
	fclose(file);
	/* Exactly the input's size, so that a sanitizer sees an overrun. */
	if (len > 0)
		data = realloc(data, len);
	LLVMFuzzerTestOneInput(data, len);
	free(data);
}

static unsigned
replay_directory(const char *path)
{
	struct dirent *entry;
	unsigned count = 0;
	char *file;
	DIR *dir;

	if ((dir = opendir(path)) == NULL)
		return (0);
	while ((entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		if (asprintf(&file, "%s/%s", path, entry->d_name) == -1)
			abort();
		replay_file(file);
		free(file);
		count++;
	}
	closedir(dir);
	return (count);
}

int
main(int argc, char **argv)
{
	const char *src = getenv("SRC"), *name = strrchr(argv[0], '/');
	char path[4096];
	unsigned count;

	name = name == NULL ? argv[0] : name + 1;
	if (strncmp(name, "fuzz_", 5) == 0)
		name += 5;
	snprintf(path, sizeof(path), "%s/tests/fuzz/corpus/%s",
	    src == NULL ? "." : src, name);

	printf("1..1\n");
	fflush(stdout);
	if (argc == 1)
		count = replay_directory(path);
	else
		for (count = 0; (int)count < argc - 1; count++)
			replay_file(argv[count + 1]);
	/* An empty or missing corpus tests nothing: that is a failure. */
	printf("%s 1 - %u inputs of fuzz_%s\n", count > 0 ? "ok" : "not ok",
	    count, name);
	return (count > 0 ? 0 : 1);
}
