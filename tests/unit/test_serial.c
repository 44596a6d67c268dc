/* Serial lines: buffering above a UART with a FIFO, half-lines, and fatal output. */
#include "stubs_console.h"
#include "../../xen/drivers/char/serial.c"

/* A UART with a FIFO of 16 that sends `speed` characters each time it is asked for room. */
static char sent[65536];
static unsigned int nr_sent, fifo_level, speed, status_reads;
static bool tx_irq_on;
static const char *to_receive;
static unsigned int nr_received;
static char received[256];

static unsigned int fake_tx_room(struct serial_port *port)
{
	if (irqs_on)
		ck_abort_msg("interrupts are on");
	status_reads++;
	fifo_level = fifo_level > speed ? fifo_level - speed : 0;
	return fifo_level ? 0 : 16;
}

static void fake_write(struct serial_port *port, const char *s, unsigned int n)
{
	fifo_level += n;
	ck_assert_uint_le(fifo_level, 16);
	memcpy(sent + nr_sent, s, n);
	nr_sent += n;
}

static bool fake_getc(struct serial_port *port, char *c)
{
	if (!to_receive || !*to_receive)
		return false;
	*c = *to_receive++;
	return true;
}

static void fake_init(struct serial_port *port)
{
}

static void fake_set_tx_irq(struct serial_port *port, bool on)
{
	tx_irq_on = on;
}

static const struct uart_ops fake_ops = {
	.init_preirq = fake_init, .init_irq = fake_init, .tx_room = fake_tx_room, .write = fake_write,
	.getc = fake_getc, .set_tx_irq = fake_set_tx_irq,
};

void ns16550_init(void)
{
	serial_register_uart(0, &fake_ops, NULL);
}

void *alloc_xenheap_pages(unsigned int order, unsigned int memflags)
{
	return malloc(PAGE_SIZE << order);
}

void printk(const char *fmt, ...)
{
}

static void on_rx(char c, struct cpu_user_regs *regs)
{
	ck_assert(!spin_is_locked(&ports[0].lock));
	received[nr_received++] = c;
}

static void on_rx_hi(char c, struct cpu_user_regs *regs)
{
	ck_assert(!(c & 0x80));
	received[nr_received++] = c - 'a' + 'A';
}

static void setup(void)
{
	speed = 1000; /* always room */
	serial_init_preirq();
}

static void puts_on(int handle, const char *s)
{
	serial_puts(handle, s, strlen(s));
	ck_assert(irqs_on);
}

/* Let transmit interrupts come as long as they are asked for. */
static void take_tx_interrupts(void)
{
	for (int i = 0; tx_irq_on; i++) {
		ck_assert_int_lt(i, 100000);
		serial_tx_interrupt(&ports[0]);
	}
}

START_TEST(names)
{
	ck_assert_int_eq(serial_parse_handle("com1", 4), 0);
	ck_assert_int_eq(serial_parse_handle("com1H,vga", 5), SERHND_HI);
	ck_assert_int_eq(serial_parse_handle("com1L", 5), SERHND_LO);
	ck_assert_int_eq(serial_parse_handle("com2", 4), -1); /* not configured */
	ck_assert_int_eq(serial_parse_handle("com3", 4), -1);
	ck_assert_int_eq(serial_parse_handle("com1x", 5), -1);
	ck_assert_int_eq(serial_parse_handle("com", 3), -1);
	puts_on(-1, "nowhere");
	ck_assert_uint_eq(nr_sent, 0);
}
END_TEST

START_TEST(one_status_read_per_fifo)
{
	puts_on(0, "0123456789abcdef0123456789abcdef");
	ck_assert_uint_eq(nr_sent, 32);
	ck_assert_uint_eq(status_reads, 2);
	serial_init_irq();
	status_reads = 0;
	puts_on(0, "0123456789abcdef0123456789abcdef");
	ck_assert_uint_eq(status_reads, 2);
	ck_assert(!tx_irq_on);
}
END_TEST

START_TEST(line_ends)
{
	puts_on(0, "a\nb\n");
	ck_assert_int_eq(memcmp(sent, "a\r\nb\r\n", 6), 0);
	ck_assert_uint_eq(nr_sent, 6);
}
END_TEST

/* Order is kept whatever mixture of direct, buffered and waiting output is used. */
START_TEST(slow_line)
{
	unsigned int expect = 0;

	speed = 1;
	serial_init_irq();
	for (int i = 0; i < 3000; i++) {
		char text[16];

		snprintf(text, sizeof(text), "%09d|", i);
		puts_on(0, text);
		if (i % 7 == 0 && tx_irq_on)
			serial_tx_interrupt(&ports[0]);
	}
	ck_assert(tx_irq_on);
	ck_assert_uint_lt(nr_sent, 30000);
	take_tx_interrupts();
	ck_assert_uint_eq(nr_sent, 30000);
	for (int i = 0; i < 3000; i++) {
		char text[16];

		snprintf(text, sizeof(text), "%09d|", i);
		ck_assert_int_eq(memcmp(sent + expect, text, 10), 0);
		expect += 10;
	}
}
END_TEST

START_TEST(synchronous)
{
	speed = 1;
	serial_init_irq();
	puts_on(0, "0123456789abcdefghijklmnopqrstuvwxyz");
	ck_assert_uint_lt(nr_sent, 36);
	serial_start_sync(0);
	ck_assert_uint_eq(nr_sent, 36);
	ck_assert(!tx_irq_on);
	puts_on(0, "more and more and more and more");
	ck_assert_uint_eq(nr_sent, 67);
	ck_assert_int_eq(memcmp(sent + 33, "xyzmore", 7), 0);
	serial_end_sync(0);
	puts_on(0, "0123456789abcdefghijklmnopqrstuvwxyz");
	ck_assert_uint_lt(nr_sent, 67 + 36);
	ck_assert(tx_irq_on);
}
END_TEST

START_TEST(lock_of_the_dead)
{
	serial_init_irq();
	spin_lock(&ports[0].lock);
	serial_force_unlock(0);
	puts_on(0, "last words");
	ck_assert_uint_eq(nr_sent, 10);
}
END_TEST

/* A UART that never has room costs time, not the machine. */
START_TEST(broken_uart)
{
	speed = 0;
	fifo_level = 1;
	puts_on(0, "x");
	ck_assert_uint_eq(nr_sent, 0);
	status_reads = 0;
	puts_on(0, "y");
	ck_assert_uint_eq(status_reads, 0);
}
END_TEST

START_TEST(half_lines)
{
	puts_on(SERHND_HI, "a\n");
	puts_on(SERHND_LO, "\xe1");
	puts_on(0, "\xe2");
	ck_assert_int_eq(memcmp(sent, "\xe1\x8d\x8a" "a\xe2", 5), 0);
	serial_set_rx_handler(SERHND_HI, on_rx_hi);
	serial_set_rx_handler(SERHND_LO, on_rx);
	to_receive = "x\xf9z";
	serial_rx_interrupt(&ports[0], NULL);
	ck_assert_int_eq(memcmp(received, "xYz", 3), 0);
}
END_TEST

START_TEST(receiving)
{
	char text[101];

	for (int i = 0; i < 100; i++)
		text[i] = 'A' + i % 26;
	text[100] = 0;
	to_receive = text;
	serial_rx_interrupt(&ports[0], NULL); /* nobody listens */
	ck_assert_str_eq(to_receive, "");
	serial_set_rx_handler(0, on_rx);
	to_receive = text;
	serial_rx_interrupt(&ports[0], NULL);
	ck_assert_uint_eq(nr_received, 100);
	ck_assert_int_eq(memcmp(received, text, 100), 0);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("serial");

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, names);
	tcase_add_test(tc, one_status_read_per_fifo);
	tcase_add_test(tc, line_ends);
	tcase_add_test(tc, slow_line);
	tcase_add_test(tc, synchronous);
	tcase_add_test(tc, lock_of_the_dead);
	tcase_add_test(tc, broken_uart);
	tcase_add_test(tc, half_lines);
	tcase_add_test(tc, receiving);
	return run_suite("serial", tc);
}
