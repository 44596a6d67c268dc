/*
 * What PV guests see of CPUID. Features are listed, not subtracted: an unknown one stays hidden.
 * A domain's own policy (cpu_policy.c) can only take away. Applications execute CPUID directly; their
 * libraries ask the kernel's view for what matters.
 */
#include <xen/lib.h>
#include <xen/sched.h>
#include <xen/time.h>
#include <xen/version.h>
#include <asm/cpu_policy.h>
#include <asm/fpu.h>
#include <asm/pv.h>

#define XEN_CPUID_BASE 0x40000000u
#define B(n) (1u << (n))

/* Leaf 1 ecx: SSE3 PCLMULQDQ SSSE3 FMA CX16 SSE4.1 SSE4.2 MOVBE POPCNT AES F16C RDRAND. */
#define L1_ECX (B(0) | B(1) | B(9) | B(12) | B(13) | B(19) | B(20) | B(22) | B(23) | B(25) | B(29) | B(30))
#define L1_ECX_XSAVE      (B(26) | B(28)) /* XSAVE AVX */
#define L1_ECX_OSXSAVE    B(27)
#define L1_ECX_HYPERVISOR B(31)
/* Leaf 1 edx: FPU DE TSC MSR PAE CX8 SEP CMOV PAT CLFLUSH MMX FXSR SSE SSE2. */
#define L1_EDX (B(0) | B(2) | B(4) | B(5) | B(6) | B(8) | B(11) | B(15) | B(16) | B(19) | B(23) | B(24) | B(25) | B(26))
#define L1_EDX_SEP  B(11)
#define L1_EDX_DOM0 (B(7) | B(9) | B(14)) /* MCE APIC MCA: it handles the machine's */
/* Leaf 7 ebx: BMI1 BMI2 ERMS RDSEED ADX CLFLUSHOPT CLWB SHA; with AVX: AVX2; AVX-512 family. */
#define L7_EBX (B(3) | B(8) | B(9) | B(18) | B(19) | B(23) | B(24) | B(29))
#define L7_EBX_FSGSBASE B(0)
#define L7_EBX_AVX      B(5)
#define L7_EBX_AVX512   (B(16) | B(17) | B(21) | B(28) | B(30) | B(31))
#define L7_ECX          (B(8) | B(22))  /* GFNI RDPID */
#define L7_ECX_AVX      (B(9) | B(10))  /* VAES VPCLMULQDQ */
#define L7_ECX_AVX512   (B(1) | B(6) | B(11) | B(12) | B(14))
#define L7_EDX          B(4)            /* FSRM */
/* 0x80000001 ecx: LAHF ABM SSE4A MISALIGNSSE 3DNOWPREFETCH XOP FMA4 TBM CMP_LEGACY. */
#define E1_ECX (B(0) | B(5) | B(6) | B(7) | B(8) | B(11) | B(16) | B(21))
/* 0x80000001 edx: what mirrors leaf 1, SYSCALL NX MMXEXT RDTSCP LM 3DNOW. */
#define E1_EDX (B(0) | B(2) | B(4) | B(5) | B(6) | B(8) | B(11) | B(15) | B(16) | B(20) | B(22) | B(23) | B(24) | B(27) | B(29) | B(30) | B(31))

static void hypervisor_leaf(struct vcpu *v, u32 leaf, u32 sub, u32 *r)
{
	r[0] = r[1] = r[2] = r[3] = 0;
	switch (leaf - XEN_CPUID_BASE) {
	case 0:
		r[0] = XEN_CPUID_BASE + 5;
		memcpy(r + 1, "XenVMMXenVMM", 12);
		break;
	case 1:
		r[0] = XEN_INTERFACE_MAJOR << 16 | XEN_INTERFACE_MINOR;
		break;
	case 2:
		r[0] = 1;                  /* hypercall pages */
		r[1] = XEN_CPUID_BASE;     /* MSR that fills them */
		r[2] = 1;                  /* MMU_PT_UPDATE_PRESERVE_AD */
		break;
	case 3:
		if (sub == 0)
			r[2] = cpu_khz;
		break;
	case 5:
		r[1] = max(fls64(max_page - 1) + PAGE_SHIFT, 36u); /* widest machine address */
		break;
	}
}

/* In long mode, which 32-bit guests run in too, SYSENTER does not exist on AMD and Hygon (APM 3, SYSENTER). */
static bool has_sysenter(void)
{
	u32 a, b, c, d;

	cpuid_count(0, 0, &a, &b, &c, &d);
	return b != 0x68747541 && b != 0x6f677948; /* "Auth", "Hygo" */
}

static void leaf_1(bool dom0, u32 *r)
{
	r[1] &= 0x0000ff00; /* CLFLUSH size */
	r[2] = (r[2] & (L1_ECX | (xfeature_mask ? L1_ECX_XSAVE : 0))) | L1_ECX_HYPERVISOR;
	r[3] &= L1_EDX | (dom0 ? L1_EDX_DOM0 : 0);
	if (!has_sysenter())
		r[3] &= ~L1_EDX_SEP;
}

static void leaf_7(u32 sub, u32 *r)
{
	bool avx = xfeature_mask & 4, avx512 = (xfeature_mask & 0xe0) == 0xe0;

	if (sub) {
		r[0] = r[1] = r[2] = r[3] = 0;
		return;
	}
	r[0] = 0;
	r[1] &= L7_EBX | (avx ? L7_EBX_AVX : 0) | (avx512 ? L7_EBX_AVX512 : 0) |
		(get_cpu_info()->cr4 & X86_CR4_FSGSBASE ? L7_EBX_FSGSBASE : 0);
	r[2] &= L7_ECX | (avx ? L7_ECX_AVX : 0) | (avx512 ? L7_ECX_AVX512 : 0);
	r[3] &= L7_EDX;
}

static void leaf_xstate(u32 sub, u32 *r)
{
	if (!xfeature_mask || (sub > 1 && (sub > 62 || !(xfeature_mask >> sub & 1)))) {
		r[0] = r[1] = r[2] = r[3] = 0;
	} else if (sub == 0) {
		r[0] &= (u32)xfeature_mask;
		r[2] = xstate_size;
		r[3] &= xfeature_mask >> 32;
	} else if (sub == 1) {
		r[0] &= 7; /* no XSAVES */
		r[1] = r[2] = r[3] = 0;
	}
}

void pv_cpuid_max(bool dom0, u32 leaf, u32 sub, u32 *r)
{
	cpuid_count(leaf, sub, &r[0], &r[1], &r[2], &r[3]);
	switch (leaf) {
	case 0:
		r[0] = min(r[0], CPUID_MAX_BASIC);
		break;
	case 1:
		leaf_1(dom0, r);
		break;
	case 7:
		leaf_7(sub, r);
		break;
	case 0xb: /* one thread, one core each */
		r[0] = r[1] = r[3] = 0;
		r[2] = sub & 0xff;
		break;
	case 0xd:
		leaf_xstate(sub, r);
		break;
	case 4: /* caches: no sharing between vCPUs */
		r[0] &= 0x3ff;
		break;
	case 5: case 6: case 9: case 0xa: case 0xc: case 0x8000000a: case 0x8000001b:
	case 0x8000001c: case 0x8000001d: case 0x8000001e: case 0x8000001f:
		r[0] = r[1] = r[2] = r[3] = 0;
		break;
	case 0x80000000:
		r[0] = min(r[0], CPUID_MAX_EXTENDED);
		break;
	case 0x80000001:
		r[2] &= E1_ECX;
		r[3] &= E1_EDX;
		break;
	case 0x80000007:
		r[0] = r[1] = r[2] = 0;
		r[3] &= B(8); /* invariant TSC */
		break;
	case 0x80000008:
		r[0] &= 0xffff;
		r[1] = r[2] = r[3] = 0;
		break;
	}
}

/* What differs between the vCPUs of a domain, and what its own settings show. */
static void per_vcpu(struct vcpu *v, u32 leaf, u32 *r)
{
	switch (leaf) {
	case 1:
		r[1] |= (u32)v->vcpu_id << 25; /* APIC id */
		if (r[2] & B(26))
			r[2] |= L1_ECX_OSXSAVE;
		break;
	case 0xb:
		r[3] = v->vcpu_id * 2;
		break;
	case 0x8000001e:
		r[0] = v->vcpu_id * 2;
		r[1] = v->vcpu_id;
		break;
	}
}

void pv_cpuid(struct vcpu *v, u32 leaf, u32 sub, u32 *r)
{
	if ((leaf & 0xffff0000) == XEN_CPUID_BASE) {
		hypervisor_leaf(v, leaf, sub, r);
		return;
	}
	cpu_policy_leaf(v->domain, leaf, sub, r);
	per_vcpu(v, leaf, r);
}
