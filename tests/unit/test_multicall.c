/* Multicalls and hypercall continuation. */
#include "stubs_console.h"
#include "../../xen/common/hypercall.c"
#include "../../xen/common/multicall.c"

DEFINE_PER_CPU(unsigned long, softirq_pending);

#define LOG_SIZE 64
static struct multicall_entry done[LOG_SIZE];
static unsigned int nr_done;
static int softirq_after; /* a softirq comes up after so many more calls; negative: never */
static struct vcpu vcpu;

#define OP_ADD      1 /* args[0] + args[1] */
#define OP_CONTINUE 2 /* counts args[0] down, one per attempt, then returns args[5] */
#define OP_NESTED   3
#define OP_FAIL     4

long arch_do_multicall_call(struct multicall_entry *e)
{
	XEN_GUEST_HANDLE_PARAM(multicall_entry_t) list = { .p = (void *)e->args[0] };

	ck_assert_uint_lt(nr_done, LOG_SIZE);
	done[nr_done++] = *e;
	if (softirq_after >= 0 && softirq_after-- == 0)
		this_cpu(softirq_pending) = 1;
	switch (e->op) {
	case OP_ADD:
		return e->args[0] + e->args[1];
	case OP_CONTINUE:
		if (e->args[0])
			return hypercall_create_continuation(
				OP_CONTINUE, 2, (int)e->args[0] - 1, (void *)e->args[1]);
		return e->args[5];
	case OP_NESTED:
		return do_multicall(list, 1);
	case OP_FAIL:
		return -EPERM;
	}
	return -ENOSYS;
}

static void setup(void)
{
	memset(&vcpu, 0, sizeof(vcpu));
	memset(&this_cpu_info, 0, sizeof(this_cpu_info));
	current = &vcpu;
	guest_cpu_user_regs()->rip = 0x1002;
	nr_done = 0;
	softirq_after = -1;
	guest_read_only = false;
	this_cpu(softirq_pending) = 0;
}

static long issue(struct multicall_entry *list, uint32_t nr)
{
	XEN_GUEST_HANDLE_PARAM(multicall_entry_t) h = { .p = list };
	long rc = do_multicall(h, nr);

	ck_assert_uint_eq(vcpu.mc_state.flags, 0);
	return rc;
}

/* Issue again as the guest would, until it is done. */
static long issue_to_the_end(struct multicall_entry *list, uint32_t nr)
{
	struct cpu_user_regs *regs = guest_cpu_user_regs();
	long rc = issue(list, nr);

	while (rc == -ERESTART) {
		ck_assert_uint_eq(regs->rax, __HYPERVISOR_multicall);
		ck_assert_uint_eq(regs->rip, 0x1000);
		regs->rip += 2;
		this_cpu(softirq_pending) = 0;
		rc = issue((void *)regs->rdi, regs->rsi);
	}
	return rc;
}

START_TEST(results_in_order)
{
	struct multicall_entry list[] = {
		{ .op = OP_ADD, .args = { 1, 2 } }, { .op = OP_FAIL }, { .op = 99 },
		{ .op = OP_ADD, .args = { 5, 6 } },
	};

	ck_assert_int_eq(issue(list, 4), 0);
	ck_assert_uint_eq(nr_done, 4);
	ck_assert_int_eq(list[0].result, 3);
	ck_assert_int_eq(list[1].result, -EPERM);
	ck_assert_int_eq(list[2].result, -ENOSYS);
	ck_assert_int_eq(list[3].result, 11);
	ck_assert_int_eq(issue(NULL, 0), 0);
}
END_TEST

START_TEST(no_nesting)
{
	struct multicall_entry inner = { .op = OP_ADD };
	struct multicall_entry list[] = {
		{ .op = OP_NESTED, .args = { (unsigned long)&inner } }, { .op = OP_ADD, .args = { 1, 1 } },
	};
	XEN_GUEST_HANDLE_PARAM(multicall_entry_t) h = { .p = list };

	ck_assert_int_eq(do_multicall(h, 2), 0);
	ck_assert_int_eq(list[0].result, -EINVAL);
	ck_assert_int_eq(list[1].result, 2);
	ck_assert_uint_eq(nr_done, 2);
}
END_TEST

START_TEST(softirqs_run_between_entries)
{
	struct multicall_entry list[10];

	for (int i = 0; i < 10; i++)
		list[i] = (struct multicall_entry){ .op = OP_ADD, .args = { i, i } };
	softirq_after = 3;
	ck_assert_int_eq(issue(list, 10), -ERESTART);
	ck_assert_uint_eq(nr_done, 4);
	ck_assert_ptr_eq((void *)guest_cpu_user_regs()->rdi, list + 4);
	ck_assert_uint_eq(guest_cpu_user_regs()->rsi, 6);
	setup();
	softirq_after = 3;
	ck_assert_int_eq(issue_to_the_end(list, 10), 0);
	ck_assert_uint_eq(nr_done, 10);
	for (int i = 0; i < 10; i++)
		ck_assert_int_eq(list[i].result, 2 * i);
}
END_TEST

START_TEST(a_call_continues_within)
{
	struct multicall_entry list[] = {
		{ .op = OP_ADD, .args = { 1, 2 } },
		{ .op = OP_CONTINUE, .args = { 3, 0x123456789abc, 7, 8, 9, 42 } },
		{ .op = OP_ADD, .args = { 5, 6 } },
	};

	ck_assert_int_eq(issue(list, 3), -ERESTART);
	ck_assert_uint_eq(nr_done, 2);
	ck_assert_uint_eq(list[1].args[0], 2);
	ck_assert_uint_eq(list[1].args[1], 0x123456789abc);
	ck_assert_uint_eq(list[1].args[5], 42);
	ck_assert_ptr_eq((void *)guest_cpu_user_regs()->rdi, list + 1);
	setup();
	list[1].args[0] = 3;
	ck_assert_int_eq(issue_to_the_end(list, 3), 0);
	ck_assert_uint_eq(nr_done, 6);
	ck_assert_int_eq(list[1].result, 42);
	ck_assert_int_eq(list[2].result, 11);
}
END_TEST

START_TEST(unreadable_lists)
{
	struct multicall_entry list[] = {
		{ .op = OP_ADD, .args = { 1, 2 } }, { .op = OP_CONTINUE, .args = { 1 } },
	};

	bad_guest = (const char *)&list[1];
	bad_guest_size = 1;
	ck_assert_int_eq(issue(list, 2), -EFAULT);
	ck_assert_int_eq(list[0].result, 3);
	ck_assert_uint_eq(nr_done, 1);
	bad_guest = NULL;
	ck_assert_int_eq(issue(list, 1), 0);
}
END_TEST

START_TEST(unwritable_result)
{
	struct multicall_entry entry = { .op = OP_ADD };

	guest_read_only = true;
	ck_assert_int_eq(issue(&entry, 1), -EFAULT);
	ck_assert_uint_eq(nr_done, 1);
	entry = (struct multicall_entry){ .op = OP_CONTINUE, .args = { 1 } };
	ck_assert_int_eq(issue(&entry, 1), -EFAULT);
}
END_TEST

START_TEST(continuation_outside)
{
	struct cpu_user_regs *regs = guest_cpu_user_regs();
	XEN_GUEST_HANDLE_PARAM(multicall_entry_t) h = { .p = (void *)0x7fff12345678 };

	regs->rdx = 0x33;
	regs->r9 = 0x99;
	ck_assert_int_eq(hypercall_create_continuation(12, 2, (unsigned int)-1, h), -ERESTART);
	ck_assert_uint_eq(regs->rip, 0x1000);
	ck_assert_uint_eq(regs->rax, 12);
	ck_assert_uint_eq(regs->rdi, 0xffffffff);
	ck_assert_uint_eq(regs->rsi, 0x7fff12345678);
	ck_assert_uint_eq(regs->rdx, 0x33);
	hypercall_create_continuation(1, 6, 1, 2UL, (char *)3, (u16)4, true, -6L);
	ck_assert_uint_eq(regs->rdx, 3);
	ck_assert_uint_eq(regs->r10, 4);
	ck_assert_uint_eq(regs->r8, 1);
	ck_assert_int_eq(regs->r9, -6);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("multicall");

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, results_in_order);
	tcase_add_test(tc, no_nesting);
	tcase_add_test(tc, softirqs_run_between_entries);
	tcase_add_test(tc, a_call_continues_within);
	tcase_add_test(tc, unreadable_lists);
	tcase_add_test(tc, unwritable_result);
	tcase_add_test(tc, continuation_outside);
	return run_suite("multicall", tc);
}
