/* Host tests: see stubs_sched.h. */
#include <stdio.h>
#include <stdlib.h>
#include "stubs_sched.h"
#include <xen/grant_table.h>
#include <xen/keyhandler.h>
#include <xen/mm.h>
#include <xen/rcu.h>
#include <xen/shutdown.h>
#include <xen/softirq.h>
#include <xen/symbols.h>
#include <xen/time.h>
#include <xen/timer.h>
#include <setjmp.h>
#include "../../xen/common/sched/private.h"

struct cpu_info host_cpu_info;
unsigned long host_irq_flags = 0x200;
unsigned char host_ram[TEST_PAGES * PAGE_SIZE] __aligned(4096);
static struct page_info pages[TEST_PAGES];
struct page_info *const frame_table = pages;
cpumask_t cpu_online_map, cpu_present_map;
unsigned int nr_cpu_ids = TEST_CPUS;

s_time_t test_now, test_deadline[TEST_CPUS];
unsigned int test_reprogrammed, test_switches, test_virqs[NR_VIRQS], test_pages_used;
int test_alloc_budget = -1, test_allocated, test_relinquish, test_machine_end;
char test_console[8192];
bool test_port_pending;
unsigned int test_events_sent;

/* --- The machine ------------------------------------------------------------------------------ */

s_time_t get_s_time(void)
{
	return test_now;
}

bool reprogram_timer(s_time_t timeout)
{
	test_deadline[smp_processor_id()] = timeout;
	test_reprogrammed++;
	return !timeout || timeout > test_now;
}

void smp_send_event_check_cpu(unsigned int cpu)
{
}

void context_switch(struct vcpu *prev, struct vcpu *next)
{
	if (prev == next || local_irq_is_enabled())
		abort();
	test_switches++;
	set_current(next);
	context_saved(prev);
	local_irq_enable();
	if (!is_idle_vcpu(next))
		update_runstate_area(next);
}

void sync_vcpu_execstate(struct vcpu *v)
{
	if (v->is_running)
		abort();
}

void test_cpu(unsigned int cpu)
{
	host_cpu_info.processor_id = cpu;
	host_cpu_info.current_vcpu = per_cpu(sched_cpu, cpu).curr;
}

void test_settle(void)
{
	unsigned int cpu, was = smp_processor_id(), rounds = 0;
	bool again;

	do {
		again = false;
		for_each_online_cpu (cpu) {
			if (!softirq_pending(cpu))
				continue;
			test_cpu(cpu);
			do_softirq();
			if (tasklets_pending() && is_idle_vcpu(current))
				tasklets_run();
			again = true;
		}
		if (++rounds > 1000) {
			fprintf(stderr, "softirqs never end\n");
			abort();
		}
	} while (again);
	test_cpu(was);
}

void test_run_until(s_time_t until)
{
	unsigned int cpu;

	for (;;) {
		s_time_t next = until;

		test_settle();
		for_each_online_cpu (cpu)
			if (test_deadline[cpu] && test_deadline[cpu] < next)
				next = test_deadline[cpu];
		if (next > test_now)
			test_now = next;
		for_each_online_cpu (cpu) {
			if (test_deadline[cpu] && test_deadline[cpu] <= test_now) {
				test_deadline[cpu] = 0;
				set_bit(TIMER_SOFTIRQ, &softirq_pending(cpu));
			}
		}
		if (test_now >= until)
			break;
	}
	test_settle();
}

void test_machine(unsigned int cpus)
{
	memset(&host_cpu_info, 0, sizeof(host_cpu_info));
	test_now = SECONDS(1);
	for (unsigned int cpu = 0; cpu < cpus; cpu++) {
		cpumask_set_cpu(cpu, &cpu_online_map);
		if (timer_init_cpu(cpu))
			abort();
	}
	softirq_init();
	rcu_init();
	timer_init();
	scheduler_init();
	for (unsigned int cpu = 1; cpu < cpus; cpu++)
		if (scheduler_cpu_up(cpu))
			abort();
	test_cpu(0);
	test_settle();
}

struct domain *test_domain(domid_t id, unsigned int vcpus)
{
	struct domain_config cfg = { .max_vcpus = vcpus, .max_evtchn_port = 1023 };
	struct domain *d;

	if (domain_create(id, &cfg, &d))
		return NULL;
	for (unsigned int i = 0; i < vcpus; i++) {
		struct vcpu *v = vcpu_create(d, i, i % cpumask_weight(&cpu_online_map));

		if (!v)
			return NULL;
		v->is_initialised = true;
		v->periodic_period = 0;
		clear_bit(VPF_down, &v->pause_flags);
	}
	domain_unpause_by_systemcontroller(d);
	test_settle();
	return d;
}

s_time_t test_ran(struct vcpu *v)
{
	struct vcpu_runstate_info rs;

	vcpu_runstate_get(v, &rs);
	return rs.time[RUNSTATE_running];
}

/* --- Messages --------------------------------------------------------------------------------- */

void vprintk(const char *fmt, va_list ap)
{
	size_t used = strlen(test_console);

	if (*fmt == 1 || *fmt == 2)
		fmt += 2;
	vsnprintf(test_console + used, sizeof(test_console) - used, fmt, ap);
}

void printk(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vprintk(fmt, ap);
	va_end(ap);
}

noreturn void panic(const char *fmt, ...)
{
	fprintf(stderr, "panic: %s\n", fmt);
	abort();
}

noreturn void bug_at(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: %s\n%s", file, line, what, test_console);
	abort();
}

/* Only the lock checks call this: an order violation fails the test. */
__weak void dump_execution_state(void)
{
	fprintf(stderr, "%s", test_console);
	abort();
}

void register_keyhandler(unsigned char key, void (*fn)(unsigned char), const char *desc, bool diag)
{
}

const char *symbols_lookup(unsigned long addr, unsigned long *offset, unsigned long *size)
{
	return NULL;
}

noreturn void machine_halt(void)
{
	test_machine_end = 1;
	exit(42);
}

noreturn void machine_power_off(void)
{
	test_machine_end = 3;
	exit(44);
}

noreturn void machine_restart(unsigned int delay_ms)
{
	test_machine_end = 2;
	exit(43);
}

/* --- Memory ----------------------------------------------------------------------------------- */

void *xmalloc_bytes(size_t size, size_t align)
{
	void *p;

	if (test_alloc_budget == 0)
		return NULL;
	if (test_alloc_budget > 0)
		test_alloc_budget--;
	if (posix_memalign(&p, align < 16 ? 16 : align, size))
		return NULL;
	test_allocated++;
	return memset(p, 0xa5, size);
}

void *xzalloc_bytes(size_t size, size_t align)
{
	void *p = xmalloc_bytes(size, align);

	return p ? memset(p, 0, size) : NULL;
}

void xfree(void *p)
{
	if (p)
		test_allocated--;
	free(p);
}

void *alloc_xenheap_pages(unsigned int order, unsigned int memflags)
{
	static unsigned int next = 1;
	void *p = mfn_to_virt(next);

	if (order || next >= TEST_PAGES)
		return NULL;
	if (test_alloc_budget == 0)
		return NULL;
	if (test_alloc_budget > 0)
		test_alloc_budget--;
	pages[next].count_info = 1;
	next++;
	test_pages_used++;
	return memset(p, 0, PAGE_SIZE);
}

void free_xenheap_pages(void *v, unsigned int order)
{
	test_pages_used--;
}

struct domain *alloc_domain_struct(void)
{
	return xzalloc_bytes(sizeof(struct domain), PAGE_SIZE);
}

void free_domain_struct(struct domain *d)
{
	xfree(d);
}

struct vcpu *alloc_vcpu_struct(void)
{
	return xzalloc(struct vcpu);
}

void free_vcpu_struct(struct vcpu *v)
{
	xfree(v);
}

unsigned long raw_copy_from_guest(void *dst, const void *src, unsigned long n)
{
	if (!src)
		return n;
	memcpy(dst, src, n);
	return 0;
}

unsigned long raw_copy_to_guest(void *dst, const void *src, unsigned long n)
{
	if (!dst)
		return n;
	memcpy(dst, src, n);
	return 0;
}

/* The pages of host_ram belong to whoever asks; a frame beyond does not exist. */
struct page_info *get_page_from_gfn(struct domain *d, gfn_t gfn)
{
	struct page_info *pg = pages + gfn_x(gfn);

	if (gfn_x(gfn) >= TEST_PAGES)
		return NULL;
	pg->count_info++;
	pg->owner = virt_to_mfn(d);
	return pg;
}

int get_page_type(struct page_info *pg, u64 type)
{
	if (pg->type_info & PGT_type_mask && (pg->type_info & PGT_type_mask) != type)
		return -EINVAL;
	pg->type_info = type | ((pg->type_info & PGT_count_mask) + 1);
	return 0;
}

void put_page_type(struct page_info *pg)
{
	if (!(--pg->type_info & PGT_count_mask))
		pg->type_info = 0;
}

void put_page(struct page_info *pg)
{
	pg->count_info--;
}

/* --- Other parts of the hypervisor ------------------------------------------------------------ */

struct rangeset *rangeset_new(const char *name)
{
	return xmalloc_bytes(1, 0);
}

void rangeset_destroy(struct rangeset *r)
{
	xfree(r);
}

int evtchn_init(struct domain *d, unsigned int max_port)
{
	return 0;
}

int evtchn_destroy(struct domain *d)
{
	return 0;
}

void evtchn_destroy_final(struct domain *d)
{
}

void evtchn_move_pirqs(struct vcpu *v)
{
}

void evtchn_2l_vcpu_info_moved(struct vcpu *v)
{
}

bool evtchn_port_pending(struct domain *d, evtchn_port_t port, bool *bad)
{
	*bad = port > 1023;
	return test_port_pending && !*bad;
}

void evtchn_send_held_ipi(struct vcpu *v)
{
	v->self_ipi_port = 0;
}

void send_guest_vcpu_virq(struct vcpu *v, u32 virq)
{
	test_virqs[virq]++;
	v->vcpu_info->evtchn_upcall_pending = 1;
	vcpu_unblock(v);
}

int evtchn_send(struct domain *ld, unsigned int lport)
{
	test_events_sent++;
	return 0;
}

bool evtchn_is_interdomain(const struct domain *d, evtchn_port_t port)
{
	return port && port < 10;
}

void update_domain_wallclock_time(struct domain *d)
{
}

void send_global_virq(u32 virq)
{
	test_virqs[virq]++;
}

int grant_table_create(struct domain *d, unsigned int max_frames, unsigned int max_maptrack)
{
	return 0;
}

int gnttab_release_mappings(struct domain *d)
{
	return 0;
}

void grant_table_destroy(struct domain *d)
{
}

int arch_domain_create(struct domain *d, const struct domain_config *cfg)
{
	if (!cfg)
		return 0;
	d->shared_info = alloc_xenheap_page();
	return d->shared_info ? 0 : -ENOMEM;
}

void arch_domain_destroy(struct domain *d)
{
	if (d->shared_info)
		free_xenheap_pages(d->shared_info, 0);
	d->shared_info = NULL;
}

int arch_vcpu_create(struct vcpu *v)
{
	return 0;
}

void arch_vcpu_destroy(struct vcpu *v)
{
}

int arch_set_info_guest(struct vcpu *v, const vcpu_guest_context_t *c)
{
	v->is_initialised = true;
	return 0;
}

long arch_do_vcpu_op(unsigned int cmd, struct vcpu *v, XEN_GUEST_HANDLE_PARAM(void) arg)
{
	return -ENOSYS;
}

void arch_dump_vcpu_info(struct vcpu *v)
{
}

int domain_set_outstanding_pages(struct domain *d, unsigned long pages)
{
	d->outstanding_pages = pages;
	return 0;
}

int domain_relinquish_resources(struct domain *d)
{
	return test_relinquish-- > 0 ? -ERESTART : 0;
}

long hypercall_continue(unsigned int op, unsigned int nr, const unsigned long args[6])
{
	return -ERESTART;
}

/* No domain has a log of its changed pages. */
__weak unsigned int shadowed_domains;

__weak void paging_mark_dirty(const struct page_info *pg)
{
}
