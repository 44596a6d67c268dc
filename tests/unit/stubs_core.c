/* Host tests: see stubs_core.h. */
#include "stubs_core.h"
#include <xen/hypercall.h>
#include <xen/keyhandler.h>
#include <xen/mm.h>
#include <xen/param.h>
#include <xen/spinlock.h>

struct cpu_info host_cpu_info;
unsigned long host_irq_flags = 0x200;
cpumask_t cpu_online_map;

/* --- Options, console, fatal errors ----------------------------------------------------------- */

static const struct kernel_param *params[32];
static unsigned int nr_params;

void host_register_param(const struct kernel_param *p)
{
	params[nr_params++] = p;
}

int host_set_param(const char *name, const char *value)
{
	for (unsigned int i = 0; i < nr_params; i++)
		if (!strcmp(params[i]->name, name))
			return params[i]->func(value);
	return -ENOENT;
}

unsigned long long xen_strtoull(const char *s, const char **end, unsigned int base)
{
#undef strtoull
	return strtoull(s, (char **)end, base);
}

int parse_bool(const char *s, const char *end)
{
	return !strcmp(s, "on") ? 1 : !strcmp(s, "off") ? 0 : -1;
}

size_t strlcpy(char *d, const char *s, size_t size)
{
	snprintf(d, size, "%s", s);
	return strlen(s);
}

char host_console[16384];

void printk(const char *fmt, ...)
{
	size_t used = strlen(host_console);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(host_console + used, sizeof(host_console) - used, fmt, ap);
	va_end(ap);
}

void panic(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	abort();
}

void bug_at(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: %s\n", file, line, what);
	abort();
}

static void (*keys[256])(unsigned char key);

void register_keyhandler(
	unsigned char key, void (*fn)(unsigned char key), const char *desc, bool diagnostic)
{
	keys[key] = fn;
}

bool host_press_key(unsigned char key)
{
	if (!keys[key])
		return false;
	keys[key](key);
	return true;
}

/* --- Locks: ranks only rise ------------------------------------------------------------------- */

unsigned int host_locks_held;
static u8 held_ranks[16];

void lock_check_acquire(spinlock_t *l, const void *site)
{
	if (!l->rank || (host_locks_held && held_ranks[host_locks_held - 1] >= l->rank)) {
		fprintf(stderr, "lock of rank %u taken out of order or not initialised\n", l->rank);
		abort();
	}
}

void lock_check_acquired(spinlock_t *l, const void *site)
{
	held_ranks[host_locks_held++] = l->rank;
}

void lock_check_release(spinlock_t *l)
{
	if (!host_locks_held || held_ranks[host_locks_held - 1] != l->rank)
		abort();
	host_locks_held--;
}

/* --- Processors and TLBs ---------------------------------------------------------------------- */

static u32 clock_now = 1, flushed_at[NR_CPUS];
unsigned int host_flushes, host_cpus_flushed;
DEFINE_PER_CPU(unsigned long, softirq_pending);

void host_set_cpus(unsigned int n)
{
	cpu_online_map = CPUMASK_NONE;
	for (unsigned int i = 0; i < n; i++)
		cpumask_set_cpu(i, &cpu_online_map);
	host_cpu_info.processor_id = 0;
}

u32 tlb_clock(void)
{
	return clock_now;
}

void tlb_filter(cpumask_t *mask, u32 stamp)
{
	unsigned int cpu;

	for_each_cpu(cpu, mask)
		if (flushed_at[cpu] > stamp)
			cpumask_clear_cpu(cpu, mask);
}

void flush_mask(const cpumask_t *mask, const void *va, unsigned int flags)
{
	unsigned int cpu;

	if (host_locks_held || !(flags & FLUSH_TLB))
		abort();
	clock_now++;
	host_flushes++;
	for_each_cpu(cpu, mask) {
		flushed_at[cpu] = clock_now;
		host_cpus_flushed++;
	}
}

/* --- Memory ----------------------------------------------------------------------------------- */

unsigned char host_ram[HOST_PAGES << PAGE_SHIFT] __aligned(4096);
static struct page_info pages[HOST_PAGES] __aligned(4096);
struct page_info *const frame_table = pages;
unsigned long max_page, total_pages;
unsigned long host_m2p[HOST_PAGES];
static unsigned long next_domain_frame = 1;

bool mfn_valid(mfn_t mfn)
{
	return mfn_x(mfn) < max_page;
}

void host_memory_init(unsigned long n)
{
	if (!cpumask_weight(&cpu_online_map))
		host_set_cpus(1);
	max_page = n;
	total_pages = n - 16;
	init_heap_range(_mfn(16), _mfn(n));
}

unsigned int host_list_length(const struct page_list *l)
{
	u32 prev = 0;
	unsigned int n = 0;

	for (u32 i = l->head; i; prev = i, i = pages[i].next, n++)
		if (pages[i].prev != prev)
			abort();
	if (l->tail != prev)
		abort();
	return n;
}

bool get_page(struct page_info *pg, const struct domain *d)
{
	if (!(pg->count_info & PGC_count_mask) || page_get_owner(pg) != d)
		return false;
	pg->count_info++;
	return true;
}

void put_page(struct page_info *pg)
{
	if (!(pg->count_info & PGC_count_mask))
		abort();
	if (!(--pg->count_info & PGC_count_mask)) {
		if (pg->count_info & PGC_allocated)
			abort();
		free_domheap_page(pg);
	}
}

struct page_info *get_page_from_gfn(struct domain *d, gfn_t gfn)
{
	return mfn_valid(_mfn(gfn_x(gfn))) && get_page(&pages[gfn_x(gfn)], d) ? &pages[gfn_x(gfn)]
									      : NULL;
}

void set_gpfn_from_mfn(unsigned long mfn, unsigned long pfn)
{
	host_m2p[mfn] = pfn;
}

void guest_physmap_add_page(struct domain *d, gfn_t gfn, mfn_t mfn, unsigned int order)
{
	for (unsigned long i = 0; i < 1UL << order; i++)
		host_m2p[mfn_x(mfn) + i] = gfn_x(gfn) + i;
}

/* --- Domains ---------------------------------------------------------------------------------- */

static struct domain *domains[8];
static struct vcpu vcpus[8];
static unsigned int nr_domains;
unsigned int host_destroyed;

struct domain *host_domain(domid_t id, unsigned int max_pages)
{
	struct domain *d = mfn_to_virt(next_domain_frame);

	next_domain_frame += DIV_ROUND_UP(sizeof(*d), PAGE_SIZE);
	if (next_domain_frame > 16)
		abort();
	d->domain_id = id;
	d->refcnt = 1;
	d->max_pages = max_pages;
	spin_lock_init(&d->page_alloc_lock, LOCK_RANK_PAGE_LIST);
	vcpus[nr_domains].domain = d;
	domains[nr_domains++] = d;
	return d;
}

void domain_destroy(struct domain *d)
{
	host_destroyed++;
}

struct domain *rcu_lock_domain_by_any_id(domid_t id)
{
	for (unsigned int i = 0; i < nr_domains; i++)
		if (domains[i]->domain_id == id)
			return domains[i];
	return NULL;
}

void host_run_as(struct domain *d)
{
	for (unsigned int i = 0; i < nr_domains; i++)
		if (domains[i] == d)
			set_current(&vcpus[i]);
}

/* --- Hypercalls ------------------------------------------------------------------------------- */

bool (*host_guest_fault)(const void *p, unsigned long n);
struct host_continuation host_continuation;

static bool faults(const void *p, unsigned long n)
{
	return !p || (host_guest_fault && host_guest_fault(p, n));
}

unsigned long raw_copy_from_guest(void *dst, const void *src, unsigned long n)
{
	if (faults(src, n))
		return n;
	memcpy(dst, src, n);
	return 0;
}

unsigned long raw_copy_to_guest(void *dst, const void *src, unsigned long n)
{
	if (faults(dst, n))
		return n;
	memcpy(dst, src, n);
	return 0;
}

long hypercall_continue(unsigned int op, unsigned int nr, const unsigned long args[6])
{
	host_continuation = (struct host_continuation){ .op = op, .nr = nr };
	memcpy(host_continuation.arg, args, nr * sizeof(*args));
	return HOST_CONTINUED;
}

/* No domain has a log of its changed pages. */
__weak unsigned int shadowed_domains;

__weak void paging_mark_dirty(const struct page_info *pg)
{
}
