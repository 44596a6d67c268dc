/*
 * Time from the TSC, calibrated against a platform timer: at boot over 50 ms, then again and again
 * over growing intervals, so that the rate converges on the platform's.
 */
#include <xen/acpi.h>
#include <xen/errno.h>
#include <xen/keyhandler.h>
#include <xen/lib.h>
#include <xen/param.h>
#include <xen/sched.h>
#include <asm/muldiv.h>
#include <asm/setup.h>
#include <asm/time.h>

unsigned long cpu_khz;

/* ns = (ticks << shift, or >> -shift) * mul >> 32 */
struct tsc_scale {
	u32 mul;
	int shift;
};

/* One line through (tsc, stime); replaced as a whole, readers retry on an odd or changed version. */
static struct {
	u32 version;
	u64 tsc;
	s_time_t stime;
	struct tsc_scale scale;
} clock;
static DEFINE_SPINLOCK(clock_lock, LOCK_RANK_TIME);

static always_inline u64 scale_ticks(u64 ticks, struct tsc_scale s)
{
	if (s.shift < 0)
		ticks >>= -s.shift;
	else
		ticks <<= s.shift;
	return (unsigned __int128)ticks * s.mul >> 32;
}

static void set_scale(struct tsc_scale *s, u64 hz)
{
	u64 t = hz;

	s->shift = 0;
	while (t > 2000000000ULL) {
		t >>= 1;
		s->shift--;
	}
	while (t <= 1000000000ULL) {
		t <<= 1;
		s->shift++;
	}
	s->mul = (u32)((1000000000ULL << 32) / t);
}

s_time_t get_s_time(void)
{
	u32 v;
	s_time_t t;

	do {
		v = READ_ONCE(clock.version);
		smp_rmb();
		t = clock.stime + (s_time_t)scale_ticks(rdtsc_ordered() - clock.tsc, clock.scale);
		smp_rmb();
	} while (unlikely((v & 1) || v != READ_ONCE(clock.version)));
	return t;
}

u64 tsc_to_ns(u64 ticks)
{
	return scale_ticks(ticks, clock.scale);
}

u64 ns_to_tsc(u64 ns)
{
	return muldiv64(ns, cpu_khz, 1000000);
}

void udelay(unsigned long usecs)
{
	u64 start = rdtsc(), ticks = (u64)usecs * cpu_khz / 1000;

	while (rdtsc() - start < ticks)
		cpu_relax();
}

/* --- Platform timers ---------------------------------------------------------------------------------------- */

struct platform_timer {
	const char *name;
	u64 hz, mask;
	bool (*init)(struct platform_timer *pt);
	u64 (*read)(void);
};

static volatile void *hpet;

static bool __init hpet_init(struct platform_timer *pt)
{
	u32 period;

	if (!acpi_info.hpet_address)
		return false;
	hpet = ioremap(acpi_info.hpet_address, PAGE_SIZE);
	if (!hpet)
		return false;
	period = readl(hpet + 4); /* femtoseconds */
	if (!period || period > 100000000)
		return false;
	writel(readl(hpet + 0x10) | 1, hpet + 0x10); /* run */
	pt->hz = 1000000000000000ULL / period;
	return true;
}

static u64 hpet_read(void)
{
	return readl(hpet + 0xf0);
}

static bool __init pmtimer_init(struct platform_timer *pt)
{
	pt->mask = acpi_info.pm_timer_32bit ? 0xffffffff : 0xffffff;
	return acpi_info.pm_timer != 0;
}

static u64 pmtimer_read(void)
{
	return inl(acpi_info.pm_timer);
}

/* Channel 2 of the PIT counts down from 65535; it wraps every 55 ms, so keep extending it. */
static u64 pit_read(void)
{
	static u64 total;
	static u16 last = 0xffff;
	u16 now;

	outb(0x80, 0x43);
	now = inb(0x42);
	now |= inb(0x42) << 8;
	total += (u16)(last - now);
	last = now;
	return total;
}

static bool __init pit_init(struct platform_timer *pt)
{
	outb((inb(0x61) & ~2) | 1, 0x61); /* gate on, speaker off */
	outb(0xb4, 0x43);                 /* channel 2, both bytes, rate generator */
	outb(0xff, 0x42);
	outb(0xff, 0x42);
	return true;
}

static struct platform_timer timers[] = {
	{ "hpet", 0, 0xffffffff, hpet_init, hpet_read },
	{ "acpi", 3579545, 0xffffff, pmtimer_init, pmtimer_read },
	{ "pit", 1193182, ~0ULL, pit_init, pit_read },
};
static struct platform_timer *platform __ro_after_init;
static char opt_clocksource[8];
string_param("clocksource", opt_clocksource);

/* A (platform, TSC) pair read as close together as luck allows. */
static u64 sample(u64 *tsc)
{
	u64 best = ~0ULL, count = 0;

	for (unsigned int i = 0; i < 8; i++) {
		u64 t0 = rdtsc_ordered(), c = platform->read(), t1 = rdtsc_ordered();

		if (t1 - t0 < best) {
			best = t1 - t0;
			count = c;
			*tsc = t0 + best / 2;
		}
	}
	return count;
}

/* --- Keeping the rate ----------------------------------------------------------------------------------------- */

static struct timer calibration_timer;
static u64 epoch_tsc, epoch_count_last, epoch_ticks; /* since boot */
static s_time_t calibration_period = SECONDS(1);

static void set_clock(u64 tsc, s_time_t stime, struct tsc_scale scale)
{
	spin_lock(&clock_lock);
	clock.version++;
	smp_wmb();
	clock.tsc = tsc;
	clock.stime = stime;
	clock.scale = scale;
	smp_wmb();
	clock.version++;
	spin_unlock(&clock_lock);
}

static void refresh_all_vcpus(void *unused)
{
	struct vcpu *v = current;

	if (!is_idle_vcpu(v))
		update_vcpu_system_time(v);
}

/*
 * Compare TSC and platform timer since boot. The line is bent, never broken: time goes on from where
 * it is, at a rate that takes away the error within the next period.
 */
static void calibrate(void *unused)
{
	u64 tsc, count = sample(&tsc);
	s_time_t now = clock.stime + (s_time_t)scale_ticks(tsc - clock.tsc, clock.scale), truth;
	struct tsc_scale scale;
	s64 error, hz;

	epoch_ticks += (count - epoch_count_last) & platform->mask;
	epoch_count_last = count;
	hz = muldiv64(tsc - epoch_tsc, platform->hz, epoch_ticks ? epoch_ticks : 1);
	truth = muldiv64(epoch_ticks, 1000000000, platform->hz);
	error = now - truth; /* positive: we are ahead, run slower */
	/* A slip of half a period or more is no drift (the machine stood still): keep the rate. */
	if (hz > 0 && error < calibration_period / 8 && error > -calibration_period / 8) {
		cpu_khz = hz / 1000;
		hz += error < 0 ? -(s64)muldiv64(hz, -error, calibration_period)
				: (s64)muldiv64(hz, error, calibration_period);
		set_scale(&scale, hz);
		set_clock(tsc, now, scale);
		on_selected_cpus(&cpu_online_map, refresh_all_vcpus, NULL, false);
	}
	set_timer(&calibration_timer, NOW() + calibration_period);
}

static void __init calibrate_first(void)
{
	u64 t0, t1, c0, c1, hz, goal = platform->hz / 20;
	struct tsc_scale scale;

	c0 = sample(&t0);
	while (((platform->read() - c0) & platform->mask) < goal)
		cpu_relax();
	c1 = sample(&t1);
	hz = muldiv64(t1 - t0, platform->hz, (c1 - c0) & platform->mask);
	cpu_khz = hz / 1000;
	set_scale(&scale, hz);
	epoch_tsc = t1;
	epoch_count_last = c1;
	set_clock(t1, 0, scale);
	printk(XENLOG_INFO "Platform timer is %lu.%03lu MHz %s\n", (unsigned long)platform->hz / 1000000,
		(unsigned long)platform->hz / 1000 % 1000, platform->name);
	printk(XENLOG_INFO "Detected %lu.%03lu MHz processor\n", cpu_khz / 1000, cpu_khz % 1000);
}

/* --- Wall clock --------------------------------------------------------------------------------------------------- */

static DEFINE_SPINLOCK(wc_lock, LOCK_RANK_LEAF);
static u64 wc_sec; /* the wall clock at system time 0 */
static u32 wc_nsec;

static u8 cmos(u8 reg)
{
	outb(reg, 0x70);
	return inb(0x71);
}

static unsigned int bcd(u8 v, bool binary)
{
	return binary ? v : (v >> 4) * 10 + (v & 15);
}

/* Days from 1970 to a date of the proleptic Gregorian calendar. */
static u64 days(unsigned int y, unsigned int m, unsigned int d)
{
	y -= m <= 2;
	m += m <= 2 ? 9 : -3;
	return (u64)y * 365 + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + d - 1 - 719468;
}

static u64 __init read_rtc(void)
{
	unsigned int v[6], again, century;
	bool binary;

	for (unsigned int tries = 0; tries < 1000000 && (cmos(0x0a) & 0x80); tries++)
		cpu_relax();
	do {
		static const u8 regs[] __initconst = { 0, 2, 4, 7, 8, 9 };

		binary = cmos(0x0b) & 4;
		for (unsigned int i = 0; i < 6; i++)
			v[i] = bcd(cmos(regs[i]), binary);
		century = 20;
		again = bcd(cmos(0), binary) != v[0];
	} while (again);
	return (days(century * 100 + v[5], v[4], v[3]) * 24 + v[2]) * 3600 + v[1] * 60 + v[0];
}

/* Seqlock of the guest interface: odd while being written. */
void update_domain_wallclock_time(struct domain *d)
{
	struct shared_info *s = d->shared_info;

	if (!s)
		return;
	spin_lock(&wc_lock);
	s->wc_version++;
	smp_wmb();
	s->wc_sec = (u32)(wc_sec + d->time_offset_seconds);
	s->wc_sec_hi = (wc_sec + d->time_offset_seconds) >> 32;
	s->wc_nsec = wc_nsec;
	smp_wmb();
	s->wc_version++;
	spin_unlock(&wc_lock);
}

void do_settime(u64 secs, u32 nsecs, u64 when)
{
	u64 back = when / 1000000000, back_ns = when % 1000000000;
	struct domain *d;

	if (nsecs < back_ns) {
		nsecs += 1000000000;
		back++;
	}
	spin_lock(&wc_lock);
	wc_sec = secs - back;
	wc_nsec = nsecs - back_ns;
	spin_unlock(&wc_lock);
	for_each_domain (d)
		update_domain_wallclock_time(d);
}

/* Only the CPU that runs v, or with v not running. */
void update_vcpu_system_time(struct vcpu *v)
{
	struct vcpu_time_info *t = &v->vcpu_info->time;
	u32 ver;
	u64 tsc;
	s_time_t stime;
	struct tsc_scale scale;

	do {
		ver = READ_ONCE(clock.version);
		smp_rmb();
		tsc = clock.tsc;
		stime = clock.stime;
		scale = clock.scale;
		smp_rmb();
	} while ((ver & 1) || ver != READ_ONCE(clock.version));
	if (t->tsc_timestamp == tsc && t->system_time == (u64)stime)
		return;
	t->version = (t->version + 1) | 1;
	smp_wmb();
	t->tsc_timestamp = tsc;
	t->system_time = stime;
	t->tsc_to_system_mul = scale.mul;
	t->tsc_shift = scale.shift;
	t->flags = 0;
	smp_wmb();
	t->version++;
}

/* --- Start ------------------------------------------------------------------------------------------------------------ */

static void show_time(unsigned char key)
{
	u64 tsc, count = sample(&tsc);
	u64 ticks = epoch_ticks + ((count - epoch_count_last) & platform->mask);
	s64 truth = muldiv64(ticks, 1000000000, platform->hz);

	printk("Platform timer %s: %ld us since boot, system time differs by %ld ns\n", platform->name,
		(long)(truth / 1000), (long)(NOW() - truth));
	printk("TSC: %lu kHz, mul %#x shift %d\n", cpu_khz, clock.scale.mul, clock.scale.shift);
}

void __init time_init(void)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(timers) && !platform; i++)
		if ((!opt_clocksource[0] || !strcmp(opt_clocksource, timers[i].name)) &&
			timers[i].init(&timers[i]))
			platform = &timers[i];
	if (!platform) {
		printk(XENLOG_WARNING "clocksource=%s is not there: using the PIT\n", opt_clocksource);
		platform = &timers[2];
		pit_init(platform);
	}
	calibrate_first();
	do_settime(read_rtc(), 0, NOW());
	printk(XENLOG_INFO "Wallclock source: CMOS RTC\n");
}

/* The timers and keys live later than the clock. */
void __init time_init_late(void)
{
	register_keyhandler('t', show_time, "display time and clock skew", true);
	if (platform == &timers[2])
		calibration_period = MILLISECS(25); /* or its wraps are missed */
	init_timer(&calibration_timer, calibrate, NULL, 0);
	set_timer(&calibration_timer, NOW() + calibration_period);
}
