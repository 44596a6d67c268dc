/*
 * Tells whether this runs in a domain, and of which kind, from what CPUID says: plainly in hardware
 * domains, and by the instructions that a hypervisor emulates for paravirtual ones
 * (public/arch-x86/cpuid.h).
 */
#include <getopt.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define FIRST_LEAF 0x40000000U
#define LAST_LEAF  0x40010000U
#define LEAF_STEP  0x100

enum kind { NONE, PV, HVM };

static sigjmp_buf no_emulation;

static void on_illegal(int number)
{
	siglongjmp(no_emulation, 1);
}

static void cpuid(bool emulated, uint32_t leaf, uint32_t out[4])
{
	if (emulated)
		__asm__ volatile("ud2; .ascii \"xen\"; cpuid"
				 : "=a"(out[0]), "=b"(out[1]), "=c"(out[2]), "=d"(out[3])
				 : "0"(leaf), "2"(0));
	else
		__asm__ volatile("cpuid"
				 : "=a"(out[0]), "=b"(out[1]), "=c"(out[2]), "=d"(out[3])
				 : "0"(leaf), "2"(0));
}

/* The version of the hypervisor, major << 16 | minor, or 0. Its leaves begin at a multiple of
 * 0x100. */
static uint32_t find_version(bool emulated)
{
	for (uint32_t leaf = FIRST_LEAF; leaf < LAST_LEAF; leaf += LEAF_STEP) {
		uint32_t out[4];

		cpuid(emulated, leaf, out);
		if (memcmp(out + 1, "XenVMMXenVMM", 12) || out[0] < leaf + 2)
			continue;
		cpuid(emulated, leaf + 1, out);
		return out[0];
	}
	return 0;
}

/* Some paravirtual domains see the leaves plainly, too, so the emulated instruction is tried first.
 */
static enum kind detect(uint32_t *version)
{
	signal(SIGILL, on_illegal);
	*version = sigsetjmp(no_emulation, 1) ? 0 : find_version(true);
	if (*version)
		return PV;
	*version = find_version(false);
	return *version ? HVM : NONE;
}

static const char usage[] = "usage: xen-detect [-q] [-P | -H | -N]\n"
			    "Tells whether this is a domain: exit status 1 in a paravirtual one, 2 "
			    "in a hardware one, 0 in none.\n"
			    "  -q, --quiet  say nothing\n"
			    "  -P, --pv     exit status 0 if in a paravirtual domain, else 1\n"
			    "  -H, --hvm    exit status 0 if in a hardware domain, else 1\n"
			    "  -N, --none   exit status 0 if in no domain, else 1\n"
			    "  -h, --help   this text\n";

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "quiet", no_argument, NULL, 'q' },
		{ "pv", no_argument, NULL, 'P' },
		{ "hvm", no_argument, NULL, 'H' },
		{ "none", no_argument, NULL, 'N' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	static const char *const kinds[] = { "", "PV", "HVM" };
	bool quiet = false;
	int opt, wanted = -1;
	uint32_t version;
	enum kind kind;

	while ((opt = getopt_long(argc, argv, "qPHNh", options, NULL)) != -1) {
		if (opt == 'q') {
			quiet = true;
		} else if (opt == 'P' || opt == 'H' || opt == 'N') {
			wanted = opt == 'P' ? PV : opt == 'H' ? HVM : NONE;
		} else {
			fputs(usage, opt == 'h' ? stdout : stderr);
			return opt == 'h' ? 0 : 2;
		}
	}
	kind = detect(&version);
	if (!quiet && kind == NONE)
		puts("Not running on Xen.");
	else if (!quiet)
		printf("Running in %s context on Xen v%u.%u.\n", kinds[kind], version >> 16,
			version & 0xffff);
	return wanted < 0 ? (int)kind : kind != (enum kind)wanted;
}
