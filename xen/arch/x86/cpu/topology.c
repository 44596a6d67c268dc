/*
 * Sockets, cores and threads: fields of the APIC ID, whose widths CPUID tells (Intel SDM vol. 3,
 * "Hierarchical mapping of shared resources"; AMD APM vol. 3, leaves 0x80000008 and 0x8000001e).
 */
#include <asm/apic.h>
#include <asm/processor.h>
#include <asm/topology.h>
#include <xen/lib.h>
#include <xen/smp.h>

struct apicid_shifts {
	unsigned int core, socket; /* the number begins at this bit */
};

/* Bits that number `n` things. */
static unsigned int bits_for(unsigned int n)
{
	return n > 1 ? fls64(n - 1) : 0;
}

/* Leaf 0xb. False: the CPU does not have it. */
static bool shifts_from_leaf_b(struct apicid_shifts *s)
{
	u32 a, b, c, d;

	cpuid_count(0xb, 0, &a, &b, &c, &d);
	if (!b)
		return false;
	s->core = a & 0x1f;
	s->socket = s->core;
	for (unsigned int level = 1; level < 8; level++) {
		cpuid_count(0xb, level, &a, &b, &c, &d);
		if (!(c >> 8 & 0xff))
			break;
		s->socket = a & 0x1f;
	}
	return true;
}

static struct apicid_shifts shifts(void)
{
	struct apicid_shifts s = { 0, 0 };
	u32 max, max_ext, a, b, c, d, logical, cores = 1;

	cpuid_count(0, 0, &max, &b, &c, &d);
	cpuid_count(0x80000000, 0, &max_ext, &b, &c, &d);
	if (max >= 0xb && shifts_from_leaf_b(&s))
		return s;
	cpuid_count(1, 0, &a, &b, &c, &d);
	if (!(d & 1u << 28)) /* HTT: more than one in the package */
		return s;
	logical = b >> 16 & 0xff;
	if (max_ext >= 0x80000008) {
		cpuid_count(0x80000008, 0, &a, &b, &c, &d);
		cores = (c & 0xff) + 1;
		if (c >> 12 & 0xf) {
			s.socket = c >> 12 & 0xf;
			return s;
		}
	}
	if (cores == 1 && max >= 4) {
		cpuid_count(4, 0, &a, &b, &c, &d);
		if (a & 0x1f)
			cores = (a >> 26) + 1;
	}
	s.core = logical > cores ? bits_for(DIV_ROUND_UP(logical, cores)) : 0;
	s.socket = s.core + bits_for(cores);
	return s;
}

unsigned int cpu_to_core(unsigned int cpu)
{
	struct apicid_shifts s = shifts();

	return (cpu_to_apicid[cpu] & ((1u << s.socket) - 1)) >> s.core;
}

unsigned int cpu_to_socket(unsigned int cpu)
{
	return cpu_to_apicid[cpu] >> shifts().socket;
}

/* CPUs online in the boot CPU's core, or its socket. */
static unsigned int count_siblings(bool same_core)
{
	unsigned int cpu, n = 0;

	for_each_online_cpu (cpu)
		n += cpu_to_socket(cpu) == cpu_to_socket(0) &&
			(!same_core || cpu_to_core(cpu) == cpu_to_core(0));
	return n;
}

unsigned int threads_per_core(void)
{
	return count_siblings(true);
}

unsigned int cores_per_socket(void)
{
	return count_siblings(false) / count_siblings(true);
}
