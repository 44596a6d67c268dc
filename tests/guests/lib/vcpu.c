/* Further vCPUs, and time. */
#include "guest.h"

extern u8 stack_area[];
extern void secondary_start(void);

void vcpu_context_fill(struct vcpu_guest_context *c, unsigned int id, void (*fn)(void *), void *arg)
{
	memset(c, 0, sizeof(*c));
	c->flags = VGCF_IN_KERNEL;
	c->user_regs.rip = (unsigned long)secondary_start;
	c->user_regs.rdi = (unsigned long)fn;
	c->user_regs.rsi = (unsigned long)arg;
	c->user_regs.cs = FLAT_KERNEL_CS;
	c->user_regs.ss = FLAT_KERNEL_SS;
	c->user_regs.rflags = 0x202;
	c->user_regs.rsp = (unsigned long)stack_area + (id + 1) * STACK_SIZE;
	c->kernel_ss = FLAT_KERNEL_SS;
	c->kernel_sp = c->user_regs.rsp - STACK_SIZE / 2;
	c->event_callback_eip = (unsigned long)event_entry;
	c->failsafe_callback_eip = (unsigned long)failsafe_entry;
	c->syscall_callback_eip = (unsigned long)syscall_entry;
	c->ctrlreg[3] = xen_pfn_to_cr3(root_mfn());
	trap_info_fill(c->trap_ctxt);
}

long vcpu_start(unsigned int id, void (*fn)(void *), void *arg)
{
	static struct vcpu_guest_context c;
	long rc;

	if (id == 0 || id >= MAX_VCPUS)
		return -XEN_EINVAL;
	((struct guest_vcpu *)(stack_area + id * STACK_SIZE))->id = id;
	vcpu_context_fill(&c, id, fn, arg);
	rc = HYPERCALL(vcpu_op, VCPUOP_initialise, id, &c);
	return rc ? rc : HYPERCALL(vcpu_op, VCPUOP_up, id, NULL);
}

void secondary_end(void)
{
	for (;;)
		HYPERCALL(vcpu_op, VCPUOP_down, this_vcpu()->id, NULL);
}

u64 now(void)
{
	volatile struct vcpu_time_info *t = &shared_info->vcpu_info[this_vcpu()->id].time;
	u32 version, low, high;
	u64 delta, ns;

	do {
		version = t->version & ~1u;
		__asm__ volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
		delta = ((u64)high << 32 | low) - t->tsc_timestamp;
		delta = t->tsc_shift < 0 ? delta >> -t->tsc_shift : delta << t->tsc_shift;
		ns = t->system_time + (u64)((unsigned __int128)delta * t->tsc_to_system_mul >> 32);
	} while (version != t->version);
	return ns;
}
