/* sources: xen/arch/x86/irq.c xen/arch/x86/vector.c xen/arch/x86/pirq.c xen/common/lib/number.c tests/unit/harness.c tests/unit/stubs_mm.c tests/unit/stubs_irq.c */
/* Vectors, the flow of interrupts to handlers and guests, moves between CPUs, pirqs. */
#include <check.h>
#include <asm/apic.h>
#include <asm/irq.h>
#include <xen/event.h>
#include <xen/sched.h>
#include <public/physdev.h>
#include "harness.h"
#include "stubs_irq.h"
#include "stubs_mm.h"
#include "suite.h"

static struct domain doms[9];
static struct vcpu vcpus[9];

static void setup(void)
{
	harness_reset();
	host_mm_reset();
	host_irq_reset(4);
	for (unsigned int cpu = 0; cpu < 4; cpu++)
		init_irq_cpu(cpu);
	init_irq();
	irq_timers_init();
	memset(doms, 0, sizeof(doms));
	memset(vcpus, 0, sizeof(vcpus));
	for (unsigned int i = 0; i < ARRAY_SIZE(doms); i++) {
		doms[i].domain_id = i;
		doms[i].is_privileged = !i;
		vcpus[i].domain = &doms[i];
		ck_assert_int_eq(pirq_init_domain(&doms[i]), 0);
	}
}

static void teardown(void)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(doms); i++)
		pirq_free_domain(&doms[i]);
	for (unsigned int irq = 0; irq < nr_irqs; irq++) {
		ck_assert_uint_eq(irq_to_desc(irq)->nr_guests, 0);
		ck_assert_uint_eq(irq_to_desc(irq)->nr_in_flight, 0);
	}
	ck_assert_uint_eq(host_locks_held, 0);
}

/* The interrupt arrives, on the CPU and with the vector that it has now. */
static void arrive_at(unsigned int cpu, u8 vector)
{
	struct cpu_user_regs regs = {.entry_vector = vector};
	unsigned int before = host_cpu_info.processor_id;

	host_cpu_info.processor_id = cpu;
	host_irq_flags = 0;
	do_IRQ(&regs);
	host_irq_flags = 0x200;
	host_cpu_info.processor_id = before;
}

static void arrive(unsigned int irq)
{
	arrive_at(irq_to_desc(irq)->cpu, irq_to_desc(irq)->vector);
}

static void map(struct domain *d, unsigned int pirq, unsigned int irq)
{
	spin_lock(&d->pirq_lock);
	ck_assert_int_eq(domain_map_pirq(d, pirq, irq), 0);
	spin_unlock(&d->pirq_lock);
}

/* A domain in machine memory, which can own pages. */
static struct domain *owning_domain(struct vcpu *v)
{
	struct domain *d = alloc_xenheap_pages(
		order_from_pages(DIV_ROUND_UP(sizeof(*d), PAGE_SIZE)), MEMF_zero);

	ck_assert_int_eq(pirq_init_domain(d), 0);
	v->domain = d;
	return d;
}

static void log_clear(void)
{
	host_irq_log[0] = 0;
	host_nr_deliveries = 0;
}

/* --- Vectors ---------------------------------------------------------------------------------- */

START_TEST(vectors_are_all_used_once)
{
	bool seen[256] = {false};
	unsigned int n = 0;
	int v;

	while ((v = vector_alloc(1, n, 0)) >= 0) {
		ck_assert_int_ge(v, FIRST_DYNAMIC_VECTOR);
		ck_assert_int_le(v, LAST_DYNAMIC_VECTOR);
		ck_assert_int_ne(v, VECTOR_INT80);
		ck_assert(!seen[v]);
		seen[v] = true;
		ck_assert_uint_eq(per_cpu(vector_irq, 1)[v], n + 1);
		n++;
	}
	ck_assert_int_eq(v, -ENOSPC);
	ck_assert_uint_eq(n, LAST_DYNAMIC_VECTOR - FIRST_DYNAMIC_VECTOR); /* all but int 0x80 */
	ck_assert_uint_eq(vectors_in_use(1), n);
	ck_assert_uint_eq(vectors_in_use(0), 0); /* other CPUs have their own */
	vector_free(1, 0x55);
	ck_assert_int_eq(vector_alloc(1, 7, 0), 0x55);
}
END_TEST

START_TEST(vectors_spread_over_classes)
{
	int a = vector_alloc(0, 1, 0), b = vector_alloc(0, 2, 0);

	ck_assert_int_ne(a / 16, b / 16);
}
END_TEST

START_TEST(vector_wishes)
{
	ck_assert_int_eq(vector_alloc(0, 1, 0x61), 0x61);
	ck_assert_int_ne(vector_alloc(0, 2, 0x61), 0x61);
	ck_assert_int_ne(vector_alloc(0, 3, VECTOR_INT80), VECTOR_INT80);
	ck_assert_int_ne(vector_alloc(0, 4, VECTOR_APIC_TIMER), VECTOR_APIC_TIMER);
}
END_TEST

START_TEST(vector_blocks)
{
	int first;

	ck_assert_int_eq(vector_alloc(0, 1, 0x23), 0x23);
	first = vector_alloc_block(0, 100, 8);
	ck_assert_int_eq(first, 0x28);
	for (int i = 0; i < 8; i++)
		ck_assert_uint_eq(per_cpu(vector_irq, 0)[first + i], 100 + i + 1);
	/* Not across int 0x80. */
	while ((first = vector_alloc_block(0, 200, 32)) >= 0)
		ck_assert(first > VECTOR_INT80 || first + 31 < VECTOR_INT80);
	ck_assert_int_eq(first, -ENOSPC);
}
END_TEST

/* --- The hypervisor's own --------------------------------------------------------------------- */

static unsigned int handled;

static void handler(int irq, void *dev_id, struct cpu_user_regs *regs)
{
	ck_assert_int_eq(irq, 4);
	ck_assert_ptr_eq(dev_id, &handled);
	ck_assert_uint_eq(host_locks_held, 0);
	handled++;
}

START_TEST(own_handler)
{
	struct irqaction action = {handler, "test", &handled};

	handled = 0;
	ck_assert_int_eq(setup_irq(4, &action), 0);
	ck_assert_int_eq(setup_irq(4, &action), -EBUSY);
	ck_assert_int_eq(setup_irq(23, &action), -EINVAL);
	ck_assert_int_eq(setup_irq(nr_irqs, &action), -EINVAL);
	arrive(4);
	ck_assert_uint_eq(handled, 1);
	map(&doms[0], 4, 4);
	ck_assert_int_eq(pirq_guest_bind(&vcpus[0], 4, 1, true), -EBUSY);
	release_irq(4);
	arrive(4); /* nobody's now */
	ck_assert_uint_eq(handled, 1);
	ck_assert_ptr_nonnull(strstr(host_irq_log, "mask:4"));
	ck_assert_int_eq(pirq_guest_bind(&vcpus[0], 4, 1, false), 0);
}
END_TEST

START_TEST(stray_vectors_do_no_harm)
{
	arrive_at(0, 0x40);
	arrive_at(3, LAST_DYNAMIC_VECTOR);
	ck_assert_uint_eq(host_nr_deliveries, 0);
	ck_assert_ptr_nonnull(strstr(host_console, "stray"));
}
END_TEST

/* --- Guests ----------------------------------------------------------------------------------- */

START_TEST(edge_needs_no_eoi)
{
	u32 flags;

	map(&doms[0], 1, 1);
	vcpus[0].processor = 2;
	ck_assert_int_eq(pirq_guest_bind(&vcpus[0], 1, 11, false), 0);
	ck_assert_uint_eq(irq_to_desc(1)->cpu, 2);
	ck_assert_int_eq(pirq_guest_status(&doms[0], 1, &flags), 0);
	ck_assert_uint_eq(flags, 0);
	log_clear();
	arrive(1);
	arrive(1);
	ck_assert_str_eq(host_irq_log, "ack:1 ack:1 ");
	ck_assert_uint_eq(host_nr_deliveries, 2);
	ck_assert_ptr_eq(host_deliveries[0].d, &doms[0]);
	ck_assert_uint_eq(host_deliveries[0].port, 11);
	ck_assert_int_eq(pirq_guest_eoi(&doms[0], 1), 0);
	ck_assert_str_eq(host_irq_log, "ack:1 ack:1 ");
	pirq_guest_unbind(&doms[0], 1);
	ck_assert_str_eq(host_irq_log, "ack:1 ack:1 disable:1 ");
}
END_TEST

START_TEST(level_waits_for_eoi)
{
	u32 flags;

	map(&doms[0], 16, 16);
	ck_assert_int_eq(pirq_guest_bind(&vcpus[0], 16, 5, false), 0);
	ck_assert_int_eq(pirq_guest_status(&doms[0], 16, &flags), 0);
	ck_assert_uint_eq(flags, XENIRQSTAT_needs_eoi);
	log_clear();
	ck_assert_int_eq(pirq_guest_eoi(&doms[0], 16), 0); /* none is in flight */
	ck_assert_str_eq(host_irq_log, "");
	arrive(16);
	ck_assert_str_eq(host_irq_log, "ack:16 ");
	ck_assert_int_eq(pirq_guest_eoi(&doms[0], 16), 0);
	ck_assert_str_eq(host_irq_log, "ack:16 end:16 ");
	ck_assert_int_eq(pirq_guest_eoi(&doms[0], 16), 0);
	ck_assert_str_eq(host_irq_log, "ack:16 end:16 ");
}
END_TEST

START_TEST(shared_line_waits_for_all)
{
	u32 flags;

	for (unsigned int i = 0; i < 8; i++)
		map(&doms[i], 20 + (i & 1), 17);
	for (unsigned int i = 0; i < 8; i++)
		ck_assert_int_eq(pirq_guest_bind(&vcpus[i], 20 + (i & 1), 3 + i, true),
			i < IRQ_MAX_GUESTS ? 0 : -EBUSY);
	ck_assert_int_eq(pirq_guest_bind(&vcpus[1], 21, 9, true), -EEXIST);
	ck_assert_int_eq(pirq_guest_status(&doms[3], 21, &flags), 0);
	ck_assert_uint_eq(flags, XENIRQSTAT_needs_eoi | XENIRQSTAT_shared);
	log_clear();
	arrive(17);
	ck_assert_uint_eq(host_nr_deliveries, IRQ_MAX_GUESTS);
	for (unsigned int i = 0; i < 5; i++)
		ck_assert_int_eq(pirq_guest_eoi(&doms[i], 20 + (i & 1)), 0);
	ck_assert_str_eq(host_irq_log, "ack:17 ");
	/* One dies, one goes without an answer: the line must not stay masked. */
	pirq_guest_unbind(&doms[5], 21);
	ck_assert_str_eq(host_irq_log, "ack:17 ");
	pirq_free_domain(&doms[6]);
	ck_assert_str_eq(host_irq_log, "ack:17 end:17 ");
	ck_assert_int_eq(pirq_guest_bind(&vcpus[7], 21, 4, true), 0);
}
END_TEST

START_TEST(unshared_line)
{
	map(&doms[1], 3, 3);
	map(&doms[2], 3, 3);
	ck_assert_int_eq(pirq_guest_bind(&vcpus[1], 3, 1, false), 0);
	ck_assert_int_eq(pirq_guest_bind(&vcpus[2], 3, 1, true), -EBUSY);
	pirq_guest_unbind(&doms[2], 3); /* is not bound: nothing */
	pirq_guest_unbind(&doms[1], 3);
	ck_assert_int_eq(pirq_guest_bind(&vcpus[2], 3, 1, true), 0);
	ck_assert_int_eq(pirq_guest_bind(&vcpus[1], 3, 1, false), -EBUSY);
}
END_TEST

START_TEST(bad_pirqs)
{
	u32 flags;

	ck_assert_int_eq(pirq_guest_bind(&vcpus[0], 5, 1, true), -EINVAL); /* not mapped */
	ck_assert_int_eq(pirq_guest_bind(&vcpus[0], doms[0].nr_pirqs, 1, true), -EINVAL);
	ck_assert_int_eq(pirq_guest_bind(&vcpus[0], ~0u, 1, true), -EINVAL);
	ck_assert_int_eq(pirq_guest_eoi(&doms[0], ~0u), -EINVAL);
	ck_assert_int_eq(pirq_guest_status(&doms[0], 5, &flags), -EINVAL);
	pirq_guest_unbind(&doms[0], ~0u);
	pirq_set_affinity(&doms[0], ~0u, 0);
	map(&doms[0], 23, 23); /* a GSI without a pin can be named, not used */
	ck_assert_int_eq(pirq_guest_bind(&vcpus[0], 23, 1, true), -EBUSY);
}
END_TEST

/* --- Names ------------------------------------------------------------------------------------ */

START_TEST(pirq_map_rules)
{
	struct domain *d = &doms[1];

	spin_lock(&d->pirq_lock);
	ck_assert_int_eq(domain_map_pirq(d, 9, 9), 0);
	ck_assert_int_eq(domain_map_pirq(d, 9, 9), 0);
	ck_assert_int_eq(domain_map_pirq(d, 9, 10), -EEXIST);
	ck_assert_int_eq(domain_map_pirq(d, d->nr_pirqs, 1), -EINVAL);
	ck_assert_int_eq(domain_map_pirq(d, 1, nr_irqs), -EINVAL);
	ck_assert_int_eq(domain_irq_to_pirq(d, 9), 9);
	ck_assert_int_eq(domain_irq_to_pirq(d, 10), -1);
	ck_assert_int_eq(domain_unmap_pirq(d, 10), -EINVAL);
	ck_assert_int_eq(domain_unmap_pirq(d, 9), 0);
	ck_assert_int_eq(domain_pirq_to_irq(d, 9), -1);
	spin_unlock(&d->pirq_lock);
}
END_TEST

START_TEST(free_pirqs)
{
	struct domain *d = &doms[1];
	unsigned int n = 0;
	int pirq;

	ck_assert_uint_eq(d->nr_pirqs, 24 + 32);
	ck_assert_uint_eq(doms[0].nr_pirqs, 24 + 256);
	spin_lock(&d->pirq_lock);
	ck_assert_int_eq(domain_free_pirq(d, false, 4), 24 + 28);
	ck_assert_int_eq(domain_map_pirq(d, 24 + 29, 0), 0);
	ck_assert_int_eq(domain_free_pirq(d, false, 4), 24 + 25);
	while ((pirq = domain_free_pirq(d, false, 1)) >= 0) {
		ck_assert_int_ge(pirq, 24);
		ck_assert_int_eq(domain_map_pirq(d, pirq, n++), 0);
	}
	ck_assert_int_eq(pirq, -ENOSPC);
	ck_assert_int_eq(domain_free_pirq(d, true, 1), 15);
	spin_unlock(&d->pirq_lock);
}
END_TEST

START_TEST(unmap_ends_a_bound_level_interrupt)
{
	struct domain *d = &doms[1];

	map(d, 16, 16);
	ck_assert_int_eq(pirq_guest_bind(&vcpus[1], 16, 5, false), 0);
	arrive(16);
	log_clear();
	spin_lock(&d->pirq_lock);
	ck_assert_int_eq(domain_unmap_pirq(d, 16), 0);
	spin_unlock(&d->pirq_lock);
	ck_assert_str_eq(host_irq_log, "disable:16 ");
	ck_assert_uint_eq(irq_to_desc(16)->nr_in_flight, 0);
	pirq_guest_unbind(d, 16); /* the port is closed later */
	map(&doms[2], 16, 16);
	ck_assert_int_eq(pirq_guest_bind(&vcpus[2], 16, 5, false), 0);
}
END_TEST

/* --- The bitmap ------------------------------------------------------------------------------- */

START_TEST(eoi_bitmap)
{
	struct vcpu v = {.processor = 0};
	struct domain *d = owning_domain(&v);
	struct page_info *pg = host_domain_page(d);
	unsigned long mfn = mfn_x(page_to_mfn(pg)), *bits = mfn_to_virt(mfn);

	memset(bits, 0xff, PAGE_SIZE);
	map(d, 16, 16);
	map(d, 1, 1);
	ck_assert_int_eq(pirq_register_eoi_map(d, HOST_PAGES + 1), -EINVAL);
	ck_assert_int_eq(pirq_register_eoi_map(d, mfn), 0);
	ck_assert_uint_eq(bits[0], 1ul << 16);
	ck_assert_uint_eq(host_pages_in_use(d), 1);
	ck_assert_int_eq(pirq_register_eoi_map(d, mfn), -EBUSY);
	map(d, 30, 18);
	ck_assert_int_eq(pirq_guest_bind(&v, 30, 2, false), 0);
	ck_assert_uint_eq(bits[0], 1ul << 16 | 1ul << 30);
	spin_lock(&d->pirq_lock);
	ck_assert_int_eq(domain_unmap_pirq(d, 30), 0);
	spin_unlock(&d->pirq_lock);
	ck_assert_uint_eq(bits[0], 1ul << 16);
	pirq_free_domain(d);
	ck_assert_uint_eq(host_pages_in_use(d), 0);
}
END_TEST

START_TEST(eoi_bitmap_in_a_page_table)
{
	struct vcpu v = {.processor = 0};
	struct domain *d = owning_domain(&v);
	struct page_info *pg = host_domain_page(d);

	ck_assert_int_eq(get_page_type(pg, PGT_l1), 0);
	ck_assert_int_eq(pirq_register_eoi_map(d, mfn_x(page_to_mfn(pg))), -EINVAL);
	ck_assert_ptr_null(d->arch.pirq_eoi_map);
	put_page_type(pg);
	ck_assert_uint_eq(host_pages_in_use(d), 0);
	pirq_free_domain(d);
}
END_TEST

/* --- Moves ------------------------------------------------------------------------------------ */

START_TEST(edge_moves_on_arrival)
{
	struct irq_desc *desc = irq_to_desc(1);
	u8 vector;

	map(&doms[0], 1, 1);
	ck_assert_int_eq(pirq_guest_bind(&vcpus[0], 1, 1, false), 0);
	vector = desc->vector;
	host_now += SECONDS(1);
	pirq_set_affinity(&doms[0], 1, 3);
	ck_assert_uint_eq(desc->cpu, 0);
	log_clear();
	arrive(1);
	ck_assert_str_eq(host_irq_log, "ack:1 move:1 ");
	ck_assert_uint_eq(desc->cpu, 3);
	ck_assert_uint_eq(desc->vector, vector); /* one register write is enough */
	/* What was on its way is still understood, for a while. */
	arrive_at(0, vector);
	ck_assert_uint_eq(host_nr_deliveries, 2);
	host_now += SECONDS(2);
	arrive(1);
	ck_assert_uint_eq(vectors_in_use(0), 0);
	ck_assert_uint_eq(vectors_in_use(3), 1);
}
END_TEST

START_TEST(level_moves_while_masked)
{
	struct irq_desc *desc = irq_to_desc(16);

	map(&doms[0], 16, 16);
	ck_assert_int_eq(pirq_guest_bind(&vcpus[0], 16, 1, false), 0);
	pirq_set_affinity(&doms[0], 16, 2);
	log_clear();
	arrive(16);
	ck_assert_uint_eq(desc->cpu, 0);
	ck_assert_int_eq(pirq_guest_eoi(&doms[0], 16), 0);
	ck_assert_str_eq(host_irq_log, "ack:16 move:16 end:16 ");
	ck_assert_uint_eq(desc->cpu, 2);
}
END_TEST

START_TEST(no_third_place_too_soon)
{
	struct irq_desc *desc = irq_to_desc(1);

	map(&doms[0], 1, 1);
	ck_assert_int_eq(pirq_guest_bind(&vcpus[0], 1, 1, false), 0);
	pirq_set_affinity(&doms[0], 1, 1);
	arrive(1);
	pirq_set_affinity(&doms[0], 1, 2);
	arrive(1);
	ck_assert_uint_eq(desc->cpu, 1); /* CPU 0 may not have seen its last one yet */
	host_now += MILLISECS(20);
	pirq_set_affinity(&doms[0], 1, 2);
	arrive(1);
	ck_assert_uint_eq(desc->cpu, 2);
	ck_assert_uint_eq(vectors_in_use(0), 0);
	ck_assert_uint_eq(vectors_in_use(1), 1);
}
END_TEST

START_TEST(moves_nowhere)
{
	struct irq_desc *desc = irq_to_desc(1);

	map(&doms[0], 1, 1);
	ck_assert_int_eq(pirq_guest_bind(&vcpus[0], 1, 1, false), 0);
	pirq_set_affinity(&doms[0], 1, 77); /* is not there */
	arrive(1);
	cpu_to_apicid[2] = 0x1ff; /* cannot be addressed by a device */
	pirq_set_affinity(&doms[0], 1, 2);
	arrive(1);
	ck_assert_uint_eq(desc->cpu, 0);
	while (vector_alloc(3, 1000, 0) >= 0)
		;
	pirq_set_affinity(&doms[0], 1, 3); /* is full */
	arrive(1);
	ck_assert_uint_eq(desc->cpu, 0);
	ck_assert_uint_ne(desc->vector, 0);
	opt_noirqbalance = true;
	pirq_set_affinity(&doms[0], 1, 1);
	opt_noirqbalance = false;
	arrive(1);
	ck_assert_uint_eq(desc->cpu, 0);
}
END_TEST

START_TEST(no_vector_for_a_new_one)
{
	for (unsigned int cpu = 0; cpu < 4; cpu++)
		while (vector_alloc(cpu, 1000, 0) >= 0)
			;
	map(&doms[0], 1, 1);
	ck_assert_int_eq(pirq_guest_bind(&vcpus[0], 1, 1, false), -ENOSPC);
	ck_assert_uint_eq(irq_to_desc(1)->nr_guests, 0);
}
END_TEST

/* --- Storms ----------------------------------------------------------------------------------- */

START_TEST(storm_is_throttled)
{
	struct irq_desc *desc = irq_to_desc(1);

	map(&doms[0], 1, 1);
	ck_assert_int_eq(pirq_guest_bind(&vcpus[0], 1, 1, false), 0);
	for (unsigned int i = 0; i < 25000 && !desc->throttled; i++) {
		host_now += 100; /* ten million a second */
		arrive(1);
		log_clear();
	}
	ck_assert(desc->throttled);
	ck_assert(!host_run_timer());
	host_now += MILLISECS(10);
	ck_assert(host_run_timer());
	ck_assert(!desc->throttled);
	ck_assert_str_eq(host_irq_log, "unmask:1 ");
	ck_assert_uint_eq(host_nr_deliveries, 1); /* for the edge that may be lost */
}
END_TEST

START_TEST(busy_is_no_storm)
{
	map(&doms[0], 1, 1);
	ck_assert_int_eq(pirq_guest_bind(&vcpus[0], 1, 1, false), 0);
	for (unsigned int i = 0; i < 25000; i++) {
		host_now += 2000;
		arrive(1);
		log_clear();
	}
	ck_assert(!irq_to_desc(1)->throttled);
}
END_TEST

START_TEST(throttled_own_handler_misses_nothing)
{
	struct irqaction action = {handler, "test", &handled};
	struct irq_desc *desc = irq_to_desc(4);
	unsigned int before;

	ck_assert_int_eq(setup_irq(4, &action), 0);
	while (!desc->throttled) {
		arrive(4);
		log_clear();
	}
	before = handled;
	host_now += MILLISECS(10);
	ck_assert(host_run_timer());
	ck_assert_uint_eq(handled, before + 1); /* an edge while masked would be lost */
	release_irq(4);
}
END_TEST

START_TEST(throttled_level_ends_later)
{
	struct irq_desc *desc = irq_to_desc(16);

	map(&doms[0], 16, 16);
	ck_assert_int_eq(pirq_guest_bind(&vcpus[0], 16, 1, false), 0);
	for (arrive(16); !desc->throttled; arrive(16)) {
		ck_assert_int_eq(pirq_guest_eoi(&doms[0], 16), 0);
		log_clear();
	}
	log_clear();
	ck_assert_int_eq(pirq_guest_eoi(&doms[0], 16), 0);
	ck_assert_str_eq(host_irq_log, "");
	host_now += MILLISECS(10);
	ck_assert(host_run_timer());
	ck_assert_str_eq(host_irq_log, "unmask:16 ");
}
END_TEST

/* --- MSI numbers ------------------------------------------------------------------------------ */

START_TEST(msi_numbers)
{
	int a = irq_alloc_msi(1), b = irq_alloc_msi(4), n = 5;

	ck_assert_int_eq(a, 24);
	ck_assert_int_eq(b, 25);
	irq_free_msi(26);
	ck_assert_int_eq(irq_alloc_msi(2), 29);
	n += 2;
	ck_assert_int_eq(irq_alloc_msi(1), 26);
	while (irq_alloc_msi(1) >= 0)
		n++;
	ck_assert_int_eq(n, nr_irqs - nr_irqs_gsi);
	ck_assert_int_eq(irq_alloc_msi(1), -ENOSPC);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("all");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, vectors_are_all_used_once);
	tcase_add_test(t, vectors_spread_over_classes);
	tcase_add_test(t, vector_wishes);
	tcase_add_test(t, vector_blocks);
	tcase_add_test(t, own_handler);
	tcase_add_test(t, stray_vectors_do_no_harm);
	tcase_add_test(t, edge_needs_no_eoi);
	tcase_add_test(t, level_waits_for_eoi);
	tcase_add_test(t, shared_line_waits_for_all);
	tcase_add_test(t, unshared_line);
	tcase_add_test(t, bad_pirqs);
	tcase_add_test(t, pirq_map_rules);
	tcase_add_test(t, free_pirqs);
	tcase_add_test(t, unmap_ends_a_bound_level_interrupt);
	tcase_add_test(t, eoi_bitmap);
	tcase_add_test(t, eoi_bitmap_in_a_page_table);
	tcase_add_test(t, edge_moves_on_arrival);
	tcase_add_test(t, level_moves_while_masked);
	tcase_add_test(t, no_third_place_too_soon);
	tcase_add_test(t, moves_nowhere);
	tcase_add_test(t, no_vector_for_a_new_one);
	tcase_add_test(t, storm_is_throttled);
	tcase_add_test(t, busy_is_no_storm);
	tcase_add_test(t, throttled_own_handler_misses_nothing);
	tcase_add_test(t, throttled_level_ends_later);
	tcase_add_test(t, msi_numbers);
	return run_suite("irq", t);
}
