/*
 * Memory keeps what was written to it: fills anonymous memory with a pattern that depends on the address, lets forked
 * children verify and change their copies while the parent changes its own, and verifies again; between rounds half of
 * the memory is given back and touched anew.
 *
 * usage: memcheck [MIB [ROUNDS]]      exit status 1 on the first word that differs
 */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CHILDREN = 3 };

static uint64_t pattern(size_t index, uint64_t seed)
{
	return (index + seed) * 0x9e3779b97f4a7c15u ^ seed;
}

static void fill(uint64_t *words, size_t first, size_t end, uint64_t seed)
{
	for (size_t i = first; i < end; i++)
		words[i] = pattern(i, seed);
}

static int verify(const uint64_t *words, size_t first, size_t end, uint64_t seed, const char *who)
{
	for (size_t i = first; i < end; i++) {
		if (words[i] == pattern(i, seed))
			continue;
		printf("memcheck: %s: word %zu at %p is %llx, should be %llx\n", who, i, (const void *)&words[i],
		       (unsigned long long)words[i], (unsigned long long)pattern(i, seed));
		return 1;
	}
	return 0;
}

/* A child's view: the parent's pattern first, then its own in the part it overwrites, the parent's in the rest. */
static int child(uint64_t *words, size_t count, uint64_t seed, unsigned int number)
{
	size_t half = count / 2;

	if (verify(words, 0, count, seed, "child, inherited"))
		return 1;
	fill(words, 0, half, seed + 1000 + number);
	return verify(words, 0, half, seed + 1000 + number, "child, own part") ||
	       verify(words, half, count, seed, "child, shared part");
}

static int round_trip(uint64_t *words, size_t count, uint64_t seed)
{
	int status, bad = 0;

	fill(words, 0, count, seed);
	fflush(stdout);
	for (unsigned int i = 0; i < CHILDREN; i++) {
		pid_t pid = fork();

		if (pid < 0) {
			perror("memcheck: fork");
			return 1;
		}
		if (pid == 0) {
			bad = child(words, count, seed, i);
			fflush(stdout);
			_exit(bad);
		}
	}
	fill(words, count / 2, count, seed + 7);
	for (int i = 0; i < CHILDREN; i++)
		bad |= wait(&status) < 0 || status != 0;
	bad |= verify(words, 0, count / 2, seed, "parent, untouched part");
	bad |= verify(words, count / 2, count, seed + 7, "parent, own part");
	return bad;
}

static int give_back(uint64_t *words, size_t bytes)
{
	if (madvise(words, bytes / 2, MADV_DONTNEED)) {
		perror("memcheck: madvise");
		return 1;
	}
	for (size_t i = 0; i < bytes / 2 / sizeof(*words); i++) {
		if (words[i]) {
			printf("memcheck: new page not zero at word %zu: %llx\n", i, (unsigned long long)words[i]);
			return 1;
		}
	}
	return 0;
}

int main(int argc, char **argv)
{
	size_t bytes = (argc > 1 ? strtoul(argv[1], NULL, 0) : 64) << 20;
	unsigned long rounds = argc > 2 ? strtoul(argv[2], NULL, 0) : 2;
	uint64_t *words = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (words == MAP_FAILED) {
		perror("memcheck: mmap");
		return 2;
	}
	for (unsigned long i = 0; i < rounds; i++)
		if (round_trip(words, bytes / sizeof(*words), 0x5eed + i * 13) || give_back(words, bytes))
			return 1;
	printf("memcheck: %zu MiB, %lu rounds, good\n", bytes >> 20, rounds);
	return 0;
}
