/* Saving and restoring x87, SSE, AVX ... state of vCPUs. */
#include <xen/errno.h>
#include <xen/lib.h>
#include <xen/sched.h>
#include <asm/fpu.h>
#include <asm/setup.h>

#define XSTATE_X87    1UL
#define XSTATE_SSE    2UL
#define XSTATE_AVX    4UL
#define XSTATE_BNDREG 8UL
#define XSTATE_BNDCSR 0x10UL
#define XSTATE_AVX512 0xe0UL
/* Protection keys need CR4.PKE, which PV guests do not get. */
#define XSTATE_OURS (XSTATE_X87 | XSTATE_SSE | XSTATE_AVX | XSTATE_AVX512)

/* Of the image that fxsave and xsave write: offsets, values at reset. */
#define FCW_RESET       0x37f
#define MXCSR_OFFSET    24
#define MXCSR_RESET     0x1f80
#define FXSAVE_SIZE     512
#define XSTATE_BV_OFFSET 512
#define XSTATE_HEADER_SIZE (XSAVE_MIN_SIZE - XSTATE_BV_OFFSET)

u64 xfeature_mask __ro_after_init;
unsigned int xstate_size __ro_after_init = 512;
static bool have_xsaveopt __ro_after_init;
/* AMD's fxrstor and xrstor leave the last x87 instruction's pointers alone unless an exception waits. */
static bool restore_keeps_pointers __ro_after_init;
/* Whose registers are loaded here: its restore can be left out when it comes back at once. */
static DEFINE_PER_CPU(struct vcpu *, fpu_owner);
static DEFINE_PER_CPU(u64, cpu_xcr0);

static void xsetbv(u64 v)
{
	__asm__ volatile("xsetbv" ::"c"(0), "a"((u32)v), "d"((u32)(v >> 32)));
	this_cpu(cpu_xcr0) = v;
}

void fpu_init_cpu(void)
{
	u32 a, b, c, d;

	clts();
	__asm__ volatile("fninit");
	this_cpu(fpu_owner) = NULL;
	cpuid_count(0, 0, &a, &b, &c, &d);
	restore_keeps_pointers = b == 0x68747541 || b == 0x6f677948; /* "Auth", "Hygo" */
	cpuid_count(1, 0, &a, &b, &c, &d);
	if (!(c & (1u << 26)))
		return;
	cpuid_count(0xd, 0, &a, &b, &c, &d);
	xfeature_mask = (a | (u64)d << 32) & XSTATE_OURS;
	xsetbv(xfeature_mask);
	cpuid_count(0xd, 0, &a, &b, &c, &d);
	xstate_size = b;
	cpuid_count(0xd, 1, &a, &b, &c, &d);
	have_xsaveopt = a & 1;
}

static void reset_area(void *area)
{
	memset(area, 0, xstate_size);
	*(u16 *)area = FCW_RESET;
	*(u32 *)(area + MXCSR_OFFSET) = MXCSR_RESET;
}

int fpu_alloc(struct vcpu *v)
{
	u8 *area = xzalloc_bytes(xstate_size, 64);

	if (!area)
		return -ENOMEM;
	v->arch.xsave = (struct xsave_area *)area;
	reset_area(area);
	v->arch.xcr0 = XSTATE_X87;
	return 0;
}

void fpu_free(struct vcpu *v)
{
	xfree(v->arch.xsave);
	v->arch.xsave = NULL;
}

void fpu_save(struct vcpu *v)
{
	void *area = v->arch.xsave;

	if (v->arch.cr0_ts)
		clts();
	if (!xfeature_mask)
		__asm__ volatile("fxsave64 (%0)" ::"r"(area) : "memory");
	else {
		/* All of it, whatever the guest's XCR0 has enabled now. */
		if (this_cpu(cpu_xcr0) != xfeature_mask)
			xsetbv(xfeature_mask);
		if (have_xsaveopt)
			__asm__ volatile("xsaveopt64 (%0)" ::"r"(area), "a"(~0u), "d"(~0u) : "memory");
		else
			__asm__ volatile("xsave64 (%0)" ::"r"(area), "a"(~0u), "d"(~0u) : "memory");
	}
}

/* False: the CPU refused the image and loaded nothing of it. */
static bool load_area(const void *area)
{
	if (!xfeature_mask)
		__asm__ goto("1: fxrstor64 (%0)\n" EXTABLE(1b, %l1)::"r"(area) : "memory" : refused);
	else
		__asm__ goto("1: xrstor64 (%0)\n" EXTABLE(1b, %l3)::"r"(area), "a"(~0u), "d"(~0u)
			     : "memory"
			     : refused);
	return true;
refused:
	return false;
}

/* A guest that supplied nonsense gets the reset state, and none of whoever ran before. */
static void load_state(struct vcpu *v)
{
	static const u32 zero;

	if (xfeature_mask && this_cpu(cpu_xcr0) != xfeature_mask)
		xsetbv(xfeature_mask);
	/* Make them point here: they would tell this guest of the last one. */
	if (restore_keeps_pointers)
		__asm__ volatile("fnclex; ffree %%st(7); fildl %0" ::"m"(zero));
	if (unlikely(!load_area(v->arch.xsave))) {
		reset_area(v->arch.xsave);
		load_area(v->arch.xsave);
	}
}

void fpu_set_fxsave(struct vcpu *v, const void *image)
{
	u8 *area = (u8 *)v->arch.xsave;

	memcpy(area, image, FXSAVE_SIZE);
	if (xfeature_mask)
		*(u64 *)(area + XSTATE_BV_OFFSET) = XSTATE_X87 | XSTATE_SSE;
	v->dirty_cpu = NR_CPUS; /* what a CPU may still hold of it counts no more */
}

void fpu_restore(struct vcpu *v)
{
	clts();
	if (this_cpu(fpu_owner) != v || v->dirty_cpu != smp_processor_id()) {
		load_state(v);
		this_cpu(fpu_owner) = v;
	}
	if (xfeature_mask && this_cpu(cpu_xcr0) != v->arch.xcr0)
		xsetbv(v->arch.xcr0);
	if (v->arch.cr0_ts)
		write_cr0(read_cr0() | X86_CR0_TS);
}

/* The rules of XCR0: SDM 1, "Enabling the XSAVE Feature Set". */
static bool xcr0_valid(u64 val)
{
	return xfeature_mask && !(val & ~xfeature_mask) && (val & XSTATE_X87) &&
		(!(val & XSTATE_AVX) || (val & XSTATE_SSE)) &&
		(!(val & XSTATE_AVX512) ||
			((val & XSTATE_AVX512) == XSTATE_AVX512 && (val & XSTATE_AVX)));
}

bool fpu_set_xsave(struct vcpu *v, u64 xcr0, const void *image)
{
	const u64 *header = image + XSTATE_BV_OFFSET;

	if (!xcr0_valid(xcr0) || (header[0] & ~xfeature_mask))
		return false;
	/* The compacted form, and what has no meaning yet. */
	for (unsigned int i = 1; i < XSTATE_HEADER_SIZE / sizeof(u64); i++)
		if (header[i])
			return false;
	memcpy(v->arch.xsave, image, xstate_size);
	v->arch.xcr0 = xcr0;
	v->dirty_cpu = NR_CPUS;
	return true;
}

bool fpu_set_xcr0(struct vcpu *v, u64 val)
{
	if (!xcr0_valid(val))
		return false;
	v->arch.xcr0 = val;
	xsetbv(val);
	return true;
}
