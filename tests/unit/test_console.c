/* Printing with levels and prefixes; who gets what is typed; the console hypercalls. */
#include "stubs_console.h"
#define alloc_xenheap_pages fake_alloc_xenheap_pages
#include "../../xen/drivers/char/ring.c"
#include "../../xen/drivers/char/console.c"
#include "../../xen/drivers/char/console_io.c"
#include "../../xen/common/lib/number.c"

DEFINE_PER_CPU(unsigned long, softirq_pending);
struct domain *hardware_domain;

static char out[65536]; /* what the serial line got */
static char keys[64];
static unsigned int nr_keys;
static unsigned int virqs[NR_VIRQS];
static bool ring_softirq;
static s_time_t now;
static void (*rx_handler)(char c, struct cpu_user_regs *regs);
static struct domain dom0, domu;
static struct vcpu dom0_vcpu, domu_vcpu;

size_t strlcpy(char *d, const char *s, size_t n)
{
	return snprintf(d, n, "%s", s);
}

int scnprintf(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(buf, size, fmt, ap);
	va_end(ap);
	return n < (int)size ? n : (int)size - 1;
}

void serial_puts(int handle, const char *s, size_t n)
{
	if (handle >= 0)
		strncat(out, s, n);
}

int serial_parse_handle(const char *s, size_t len)
{
	return len == 4 && !memcmp(s, "com1", 4) ? 0 : -1;
}

void serial_set_rx_handler(int handle, void (*fn)(char c, struct cpu_user_regs *regs))
{
	rx_handler = fn;
}

void serial_init_preirq(void) {}
void serial_init_irq(void) {}
void serial_start_sync(int handle) {}
void serial_end_sync(int handle) {}
void serial_force_unlock(int handle) {}
bool vga_init(void) { return false; }
void vga_puts(const char *s, size_t n) {}
void vga_endboot(void) {}
void open_softirq(enum softirq nr, void (*fn)(void)) {}
void raise_softirq(enum softirq nr) { ring_softirq = true; }
void send_global_virq(u32 virq) { virqs[virq]++; }
s_time_t get_s_time(void) { return now; }
void handle_keypress(unsigned char key, struct cpu_user_regs *regs) { keys[nr_keys++] = key; }
void *fake_alloc_xenheap_pages(unsigned int order, unsigned int f) { return malloc(PAGE_SIZE << order); }

long hypercall_continue(unsigned int op, unsigned int nr, const unsigned long args[6])
{
	struct cpu_user_regs *r = guest_cpu_user_regs();

	r->rdi = args[0];
	r->rsi = args[1];
	r->rdx = args[2];
	return -ERESTART;
}

static void setup(void)
{
	dom0.domain_id = 0;
	domu.domain_id = 7;
	dom0_vcpu.domain = &dom0;
	domu_vcpu.domain = &domu;
	domu_vcpu.vcpu_id = 3;
	current = &dom0_vcpu;
}

/* As at boot; what is printed from now on is the test's. */
static void boot(void)
{
	console_init_preirq();
	console_init_irq();
	hardware_domain = &dom0;
	out[0] = 0;
}

static long console_write(const char *s)
{
	XEN_GUEST_HANDLE_PARAM(char) h = { .p = (char *)s };

	return do_console_io(CONSOLEIO_write, strlen(s), h);
}

static long console_read(char *buf, unsigned int n)
{
	XEN_GUEST_HANDLE_PARAM(char) h = { .p = buf };

	return do_console_io(CONSOLEIO_read, n, h);
}

static void type(const char *s)
{
	while (*s)
		rx_handler(*s++, NULL);
}

/* --- Printing ------------------------------------------------------------------------------ */

START_TEST(text_before_the_console_lives)
{
	printk("early\n");
	ck_assert_str_eq(out, "");
	console_init_preirq();
	ck_assert_str_eq(out, "(XEN) early\n");
}
END_TEST

START_TEST(prefix_once_per_line)
{
	boot();
	printk("one");
	printk(" two %d\nthree\n\nfour", 2);
	printk("\n");
	ck_assert_str_eq(out, "(XEN) one two 2\n(XEN) three\n(XEN) \n(XEN) four\n");
}
END_TEST

START_TEST(default_levels)
{
	boot();
	printk(XENLOG_ERR "error\n");
	printk(XENLOG_WARNING "warning\n");
	printk("no level\n");
	printk(XENLOG_INFO "info\n");
	printk(XENLOG_DEBUG "debug\n");
	printk(XENLOG_ALWAYS "always\n");
	ck_assert_str_eq(out, "(XEN) error\n(XEN) warning\n(XEN) no level\n(XEN) always\n");
}
END_TEST

START_TEST(chosen_levels)
{
	ck_assert_int_eq(parse_loglvl("error"), 0);
	boot();
	printk(XENLOG_ERR "error\n");
	printk(XENLOG_WARNING "hidden");
	printk(", with its rest\n");
	printk(XENLOG_ALWAYS "shown");
	printk(", with its rest\n");
	ck_assert_str_eq(out, "(XEN) error\n(XEN) shown, with its rest\n");
	out[0] = 0;
	ck_assert_int_eq(parse_loglvl("all"), 0);
	printk(XENLOG_DEBUG "debug\n");
	ck_assert_str_eq(out, "(XEN) debug\n");
	ck_assert_int_eq(parse_loglvl("some"), -EINVAL);
	ck_assert_int_eq(parse_loglvl("none/"), -EINVAL);
	ck_assert_int_eq(parse_loglvl(""), -EINVAL);
}
END_TEST

/* Part of a hidden line must not stay behind to hide what follows. */
START_TEST(hidden_line_ends)
{
	boot();
	printk(XENLOG_DEBUG "hidden\n");
	printk("seen\n");
	printk(XENLOG_DEBUG "hidden");
	printk("rest\n");
	printk("seen too\n");
	current = &domu_vcpu;
	gprintk(XENLOG_INFO, "hidden\n");
	printk("seen at last\n");
	ck_assert_str_eq(out, "(XEN) seen\n(XEN) seen too\n(XEN) seen at last\n");
}
END_TEST

static unsigned int count(const char *what)
{
	unsigned int n = 0;

	for (const char *p = out; (p = strstr(p, what)) != NULL; p++)
		n++;
	return n;
}

START_TEST(guests_are_limited)
{
	boot();
	current = &domu_vcpu;
	for (int i = 0; i < 100; i++)
		gprintk(XENLOG_WARNING, "oops %d\n", i);
	ck_assert_uint_eq(count("(XEN) d7v3 oops"), LIMIT_BURST);
	now += LIMIT_PERIOD;
	gprintk(XENLOG_ERR, "again\n");
	ck_assert_ptr_nonnull(strstr(out, "90 messages suppressed.\n(XEN) d7v3 again\n"));
	gprintk(XENLOG_INFO, "not wanted\n");
	ck_assert_uint_eq(count("not wanted"), 0);
	ck_assert_int_eq(parse_guest_loglvl("all"), 0);
	for (int i = 0; i < 100; i++)
		printk(XENLOG_G_DEBUG "detail\n");
	ck_assert_uint_eq(count("detail"), 100);
}
END_TEST

START_TEST(timestamps)
{
	boot();
	now = 12345678901;
	ck_assert_int_eq(parse_timestamps("boot"), 0);
	printk("text\n");
	ck_assert_str_eq(out, "(XEN) [   12.345678] text\n");
	ck_assert_int_eq(parse_timestamps("off"), 0);
	printk("text\n");
	ck_assert_str_eq(out, "(XEN) [   12.345678] text\n(XEN) text\n");
	ck_assert_int_eq(parse_timestamps("sometimes"), -EINVAL);
}
END_TEST

START_TEST(too_long_a_message)
{
	char longer[3000];

	memset(longer, 'x', sizeof(longer));
	longer[2999] = 0;
	boot();
	printk("%s\n", longer);
	printk("next\n");
	ck_assert_uint_eq(strlen(out), 6 + 1023 + 11);
	ck_assert_str_eq(out + 6 + 1022, "\n(XEN) next\n");
}
END_TEST

/* --- Input --------------------------------------------------------------------------------- */

START_TEST(input_goes_where_it_is_switched)
{
	char buf[64] = "";

	boot();
	type("a");
	ck_assert_int_eq(memcmp(keys, "a", 1), 0);
	console_endboot();
	ck_assert_ptr_nonnull(strstr(
		out, "(XEN) *** Serial input -> DOM0 (type 'CTRL-a' three times to switch input to Xen)\n"));
	type("root\r");
	ck_assert_uint_eq(nr_keys, 1);
	ck_assert_uint_eq(virqs[VIRQ_CONSOLE], 5);
	ck_assert_int_eq(console_read(buf, 3), 3);
	ck_assert_int_eq(console_read(buf + 3, 60), 2);
	ck_assert_str_eq(buf, "root\r");
	ck_assert_int_eq(console_read(buf, 60), 0);
	out[0] = 0;
	type("\x01\x01\x01q");
	ck_assert_str_eq(
		out, "(XEN) *** Serial input -> Xen (type 'CTRL-a' three times to switch input to DOM0)\n");
	ck_assert_uint_eq(nr_keys, 2);
	ck_assert_int_eq(keys[1], 'q');
	type("\x01\x01\x01q");
	ck_assert_uint_eq(nr_keys, 2);
	ck_assert_int_eq(console_read(buf, 60), 1);
}
END_TEST

START_TEST(one_or_two_switch_characters_pass)
{
	char buf[8] = "";

	boot();
	console_endboot();
	type("\x01\x01x\x01y");
	ck_assert_int_eq(console_read(buf, 8), 5);
	ck_assert_str_eq(buf, "\x01\x01x\x01y");
}
END_TEST

START_TEST(other_switch_characters)
{
	strcpy(opt_conswitch, "bx");
	boot();
	console_endboot();
	ck_assert_ptr_nonnull(strstr(out, "Serial input -> Xen (type 'CTRL-b'"));
	type("\x01\x01\x01");
	ck_assert_uint_eq(nr_keys, 3);
	type("\x02\x02\x02z");
	ck_assert_uint_eq(nr_keys, 3);
}
END_TEST

START_TEST(switching_off)
{
	strcpy(opt_conswitch, "`");
	boot();
	console_endboot();
	ck_assert_ptr_nonnull(strstr(out, "*** Serial input -> DOM0\n"));
	type("\x01\x01\x01");
	type("z");
	ck_assert_uint_eq(nr_keys, 0);
	ck_assert_uint_eq(virqs[VIRQ_CONSOLE], 4);
}
END_TEST

START_TEST(input_flood)
{
	char buf[INPUT_SIZE + 1];

	boot();
	console_endboot();
	for (int i = 0; i < 65536; i++)
		rx_handler('a' + i % 26, NULL);
	ck_assert_int_eq(console_read(buf, sizeof(buf)), INPUT_SIZE);
	for (int i = 0; i < INPUT_SIZE; i++)
		ck_assert_int_eq(buf[i], 'a' + i % 26);
	type("!");
	ck_assert_int_eq(console_read(buf, sizeof(buf)), 1);
}
END_TEST

/* --- Hypercalls ---------------------------------------------------------------------------- */

START_TEST(dom0_writes_as_it_is)
{
	boot();
	ck_assert_int_eq(console_write("Linux\r\nlogin: "), 0);
	ck_assert_str_eq(out, "Linux\r\nlogin: ");
	ck_assert_int_eq(do_console_io(9, 0, (XEN_GUEST_HANDLE_PARAM(char)){ NULL }), -ENOSYS);
}
END_TEST

START_TEST(others_may_not)
{
	char buf[4];

	boot();
	console_endboot();
	type("x");
	out[0] = 0;
	current = &domu_vcpu;
	ck_assert_int_eq(console_write("me"), -EPERM);
	ck_assert_str_eq(out, "");
	ck_assert_int_eq(console_read(buf, 4), -EPERM);
}
END_TEST

START_TEST(long_writes_are_preemptible)
{
	char text[1001];
	struct cpu_user_regs *r = guest_cpu_user_regs();

	memset(text, 'x', 1000);
	text[1000] = 0;
	boot();
	this_cpu(softirq_pending) = 1;
	ck_assert_int_eq(console_write(text), -ERESTART);
	ck_assert_uint_eq(strlen(out), 128);
	ck_assert_uint_eq(r->rdi, CONSOLEIO_write);
	ck_assert_uint_eq(r->rsi, 1000 - 128);
	ck_assert_ptr_eq((char *)r->rdx, text + 128);
	bad_guest = text + 200;
	bad_guest_size = 1;
	this_cpu(softirq_pending) = 0;
	ck_assert_int_eq(console_write(text), -EFAULT);
}
END_TEST

static struct xen_sysctl_readconsole read_op(char *buf, u32 count)
{
	struct xen_sysctl_readconsole op = { .count = count };

	op.buffer.p = buf;
	return op;
}

START_TEST(reading_the_ring)
{
	char buf[2048] = "";
	struct xen_sysctl_readconsole op;

	printk("first\n");
	boot();
	op = read_op(buf, sizeof(buf) - 1);
	ck_assert_int_eq(read_console_ring(&op), 0);
	ck_assert_str_eq(buf, "(XEN) first\n");
	ck_assert_uint_eq(op.count, strlen(buf));
	printk("second\n");
	memset(buf, 0, sizeof(buf));
	op.incremental = 1;
	op.count = 5;
	ck_assert_int_eq(read_console_ring(&op), 0);
	ck_assert_str_eq(buf, "(XEN)");
	op.count = 100;
	op.clear = 1;
	ck_assert_int_eq(read_console_ring(&op), 0);
	ck_assert_uint_eq(op.count, strlen(" second\n"));
	op = read_op(buf, sizeof(buf));
	ck_assert_int_eq(read_console_ring(&op), 0);
	ck_assert_uint_eq(op.count, 0);
	printk("third\n");
	bad_guest = buf;
	bad_guest_size = sizeof(buf);
	op = read_op(buf, sizeof(buf));
	ck_assert_int_eq(read_console_ring(&op), -EFAULT);
}
END_TEST

START_TEST(guest_text_in_the_ring)
{
	char buf[64] = "";
	struct xen_sysctl_readconsole op;

	boot();
	console_write("not kept\n");
	opt_console_to_ring = true;
	console_write("kept\n");
	op = read_op(buf, sizeof(buf) - 1);
	ck_assert_int_eq(read_console_ring(&op), 0);
	ck_assert_str_eq(buf, "kept\n");
}
END_TEST

START_TEST(dom0_is_told_of_news)
{
	boot();
	ck_assert(!ring_softirq);
	printk("news\n");
	ck_assert(ring_softirq);
	ck_assert_uint_eq(virqs[VIRQ_CON_RING], 0);
	console_softirq();
	console_softirq();
	ck_assert_uint_eq(virqs[VIRQ_CON_RING], 1);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("console");

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, text_before_the_console_lives);
	tcase_add_test(tc, prefix_once_per_line);
	tcase_add_test(tc, default_levels);
	tcase_add_test(tc, chosen_levels);
	tcase_add_test(tc, hidden_line_ends);
	tcase_add_test(tc, guests_are_limited);
	tcase_add_test(tc, timestamps);
	tcase_add_test(tc, too_long_a_message);
	tcase_add_test(tc, input_goes_where_it_is_switched);
	tcase_add_test(tc, one_or_two_switch_characters_pass);
	tcase_add_test(tc, other_switch_characters);
	tcase_add_test(tc, switching_off);
	tcase_add_test(tc, input_flood);
	tcase_add_test(tc, dom0_writes_as_it_is);
	tcase_add_test(tc, others_may_not);
	tcase_add_test(tc, long_writes_are_preemptible);
	tcase_add_test(tc, reading_the_ring);
	tcase_add_test(tc, guest_text_in_the_ring);
	tcase_add_test(tc, dom0_is_told_of_news);
	return run_suite("console", tc);
}
