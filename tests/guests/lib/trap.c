/* Traps: every one is recorded, and ends the attempt under TRY if there is one. */
#include "guest.h"

void guest_start(struct start_info *si);
void trap_entry(struct trap_frame *f);

struct start_info *start_info;
struct shared_info *shared_info;

static struct trap_info trap_table[257];

void trap_info_fill(struct trap_info *table)
{
	for (unsigned int i = 0; i < 256; i++) {
		table[i].vector = i;
		table[i].flags = i == TRAP_BP || i == TRAP_OF || i == 0x80 ? 3 : 0;
		table[i].cs = FLAT_KERNEL_CS;
		table[i].address = trap_entries[i];
	}
}

void traps_install(void)
{
	trap_info_fill(trap_table);
	HYPERCALL(set_trap_table, trap_table);
}

void state_restore(void)
{
	static struct callback_register syscall = { .type = CALLBACKTYPE_syscall, .flags = CALLBACKF_mask_events,
		.address = (unsigned long)syscall_entry };

	traps_install();
	HYPERCALL(set_callbacks, event_entry, failsafe_entry, syscall_entry);
	HYPERCALL(callback_op, CALLBACKOP_register, &syscall);
	HYPERCALL(stack_switch, FLAT_KERNEL_SS, (unsigned long)this_vcpu() + STACK_SIZE / 2);
	HYPERCALL(set_debugreg, 7, 0x400);
	HYPERCALL(vm_assist, VMASST_CMD_enable, VMASST_TYPE_writable_pagetables);
}

static void events_take(struct guest_vcpu *v)
{
	struct vcpu_info *info = &shared_info->vcpu_info[v->id];

	v->events++;
	info->evtchn_upcall_pending = 0;
	info->evtchn_pending_sel = 0;
	for (unsigned int i = 0; i < ARRAY_SIZE(shared_info->evtchn_pending); i++)
		__atomic_exchange_n(&shared_info->evtchn_pending[i], 0, __ATOMIC_SEQ_CST);
}

void trap_entry(struct trap_frame *f)
{
	struct guest_vcpu *v = this_vcpu();

	/* The upper half of the cs word holds the saved event mask. */
	f->cs &= 0xffff;
	if (f->vector == TRAP_EVENT) {
		events_take(v);
		return;
	}
	v->traps++;
	v->last = *f;
	v->last_cr2 = shared_info ? shared_info->vcpu_info[v->id].arch.cr2 : 0;
	if (v->handler && v->handler(f))
		return;
	if (v->catch)
		catch_return(v->catch);
	print("FAIL vcpu %u: trap %lu code %lx rip %lx rsp %lx cr2 %lx\n", v->id, f->vector, f->error_code, f->rip,
		f->rsp, v->last_cr2);
	finish();
}

unsigned int try_read(const volatile void *p, u64 *val)
{
	return TRY(*val = *(const volatile u64 *)p);
}

unsigned int try_write(volatile void *p, u64 val)
{
	return TRY(*(volatile u64 *)p = val);
}

void guest_start(struct start_info *si)
{
	void *window;

	start_info = si;
	state_restore();
	window = window_alloc();
	if (HYPERCALL(update_va_mapping, window, (si->shared_info & PTE_ADDR) | PTE_KERN, UVMF_INVLPG) == 0)
		shared_info = window;
	else
		print("FAIL no shared info\n");
	guest_main();
	finish();
}
