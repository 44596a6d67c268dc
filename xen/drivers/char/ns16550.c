/*
 * The PC's UARTs: 8250 to 16550A (National Semiconductor PC16550D data sheet). Options:
 *   com1=<baud>[/<clock>][,<DPS>[,<io>[,<irq>]]]
 * baud: a number, or "auto" for what the firmware left; clock: base baud rate, or the UART's clock
 * in Hz; DPS: data bits, parity (n o e m s), stop bits; irq 0: polled by a timer.
 */
#include <asm/processor.h>
#include <xen/errno.h>
#include <xen/irq.h>
#include <xen/lib.h>
#include <xen/param.h>
#include <xen/serial.h>
#include <xen/timer.h>

#define REG_DATA 0 /* receive / transmit */
#define REG_IER  1 /* interrupt enable */
#define REG_IIR  2 /* read: interrupt identification */
#define REG_FCR  2 /* write: FIFO control */
#define REG_LCR  3
#define REG_MCR  4
#define REG_LSR  5
#define REG_DLL  0 /* divisor, with LCR_DLAB */
#define REG_DLM  1

#define IER_RX    0x01
#define IER_TX    0x02
#define IIR_NONE  0x01
#define IIR_FIFO  0xc0 /* both set: a working FIFO */
#define FCR_SETUP 0x87 /* enable and clear both FIFOs, interrupt at 8 received */
#define LCR_DLAB  0x80
#define MCR_DTR_RTS 0x03
#define MCR_OUT2  0x08 /* on a PC: connects the interrupt line */
#define LSR_DR    0x01
#define LSR_THRE  0x20

#define DEFAULT_CLOCK 1843200
#define POLL_PERIOD   MILLISECS(10)

struct ns16550 {
	u16 io;
	int irq;
	unsigned int baud, clock; /* baud 0: leave the divisor alone */
	u8 lcr;
	u8 ier;
	unsigned int fifo;
	bool configured;
	struct serial_port *port;
	struct irqaction action;
	struct timer poll;
};

static struct ns16550 uarts[SERIAL_PORTS] = {
	{ .io = 0x3f8, .irq = 4, .lcr = 3, .clock = DEFAULT_CLOCK, .fifo = 1 },
	{ .io = 0x2f8, .irq = 3, .lcr = 3, .clock = DEFAULT_CLOCK, .fifo = 1 },
};

static u8 uart_in(const struct ns16550 *u, unsigned int reg)
{
	return inb(u->io + reg);
}

static void uart_out(const struct ns16550 *u, unsigned int reg, u8 v)
{
	outb(v, u->io + reg);
}

/* --- Options ------------------------------------------------------------------------------- */

static const char *__init parse_baud(struct ns16550 *u, const char *s)
{
	if (!strncmp(s, "auto", 4)) {
		s += 4;
		u->baud = 0;
	} else {
		const char *e;

		u->baud = strtoull(s, &e, 10);
		if (e == s || u->baud < 50 || u->baud > 4000000)
			return NULL;
		s = e;
	}
	if (*s == '/') {
		const char *e;

		u->clock = strtoull(s + 1, &e, 0);
		if (e == s + 1 || !u->clock || u->clock > 100000000)
			return NULL;
		/* Both habits exist; no UART's clock is below 1 MHz, no base rate above. */
		if (u->clock < 1000000)
			u->clock *= 16;
		s = e;
	}
	return s;
}

/* "8n1" -> line control register. */
static const char *__init parse_dps(struct ns16550 *u, const char *s)
{
	static const char parities[] = "noems";
	static const u8 parity_bits[] = { 0x00, 0x08, 0x18, 0x28, 0x38 };
	const char *parity;

	if (s[0] < '5' || s[0] > '8' || !s[1] || (parity = strchr(parities, s[1])) == NULL ||
		(s[2] != '1' && s[2] != '2'))
		return NULL;
	u->lcr = (s[0] - '5') | parity_bits[parity - parities] | (s[2] == '2' ? 0x04 : 0);
	return s + 3;
}

/* The fields behind the baud rate, each of which may be empty. */
static const char *__init parse_rest(struct ns16550 *u, const char *s)
{
	for (unsigned int field = 1; *s == ',' && field <= 3; field++) {
		const char *e = ++s;
		unsigned long v;

		if (*s == ',' || !*s)
			continue;
		if (field == 1) {
			s = parse_dps(u, s);
			if (!s)
				return NULL;
			continue;
		}
		v = strtoull(s, &e, 0);
		if (e == s || v > (field == 2 ? 0xfff8 : 255))
			return NULL;
		if (field == 2)
			u->io = v;
		else
			u->irq = v;
		s = e;
	}
	return s;
}

static int __init parse_com(unsigned int idx, const char *value)
{
	struct ns16550 u = uarts[idx];
	const char *s = parse_baud(&u, value);

	if (s)
		s = parse_rest(&u, s);
	if (!s || *s)
		return -EINVAL;
	u.configured = true;
	uarts[idx] = u;
	return 0;
}

static int __init parse_com1(const char *value)
{
	return parse_com(0, value);
}
custom_param("com1", parse_com1);

static int __init parse_com2(const char *value)
{
	return parse_com(1, value);
}
custom_param("com2", parse_com2);

/* --- Operations ---------------------------------------------------------------------------- */

static void ns16550_init_preirq(struct serial_port *port)
{
	struct ns16550 *u = port->uart;

	uart_out(u, REG_IER, 0);
	if (u->baud) {
		unsigned int divisor = (u->clock + u->baud * 8) / (u->baud * 16);

		if (!divisor)
			divisor = 1;
		uart_out(u, REG_LCR, u->lcr | LCR_DLAB);
		uart_out(u, REG_DLL, divisor);
		uart_out(u, REG_DLM, divisor >> 8);
	}
	uart_out(u, REG_LCR, u->lcr);
	uart_out(u, REG_MCR, MCR_DTR_RTS);
	uart_out(u, REG_FCR, FCR_SETUP);
	if ((uart_in(u, REG_IIR) & IIR_FIFO) == IIR_FIFO)
		u->fifo = 16;
}

static void ns16550_poll(void *data)
{
	struct ns16550 *u = data;

	serial_rx_interrupt(u->port, NULL);
	serial_tx_interrupt(u->port);
	set_timer(&u->poll, NOW() + POLL_PERIOD);
}

static void ns16550_interrupt(int irq, void *data, struct cpu_user_regs *regs)
{
	struct ns16550 *u = data;

	/* The line is edge-triggered: leave only when the UART asks for nothing. */
	for (unsigned int i = 0; i < 64 && !(uart_in(u, REG_IIR) & IIR_NONE); i++) {
		u8 lsr = uart_in(u, REG_LSR);

		if (lsr & LSR_DR)
			serial_rx_interrupt(u->port, regs);
		if (lsr & LSR_THRE)
			serial_tx_interrupt(u->port);
	}
}

static void __init ns16550_init_irq(struct serial_port *port)
{
	struct ns16550 *u = port->uart;
	int rc = -EINVAL;

	if (u->irq > 0) {
		u->action = (struct irqaction){
			.handler = ns16550_interrupt,
			.name = "ns16550",
			.dev_id = u,
		};
		rc = setup_irq(u->irq, &u->action);
		if (rc)
			printk(XENLOG_WARNING "com%u: IRQ %d: error %d, polling\n",
				(unsigned int)(u - uarts) + 1, u->irq, rc);
	}
	if (rc) {
		u->irq = -1;
		init_timer(&u->poll, ns16550_poll, u, 0);
		set_timer(&u->poll, NOW() + POLL_PERIOD);
		return;
	}
	u->ier = IER_RX;
	uart_out(u, REG_MCR, MCR_DTR_RTS | MCR_OUT2);
	uart_out(u, REG_IER, u->ier);
}

static unsigned int ns16550_tx_room(struct serial_port *port)
{
	struct ns16550 *u = port->uart;

	return uart_in(u, REG_LSR) & LSR_THRE ? u->fifo : 0;
}

static void ns16550_write(struct serial_port *port, const char *s, unsigned int n)
{
	const struct ns16550 *u = port->uart;
	u16 io = u->io + REG_DATA;

	for (; n; n--)
		outb(*s++, io);
}

static bool ns16550_getc(struct serial_port *port, char *c)
{
	struct ns16550 *u = port->uart;

	if (!(uart_in(u, REG_LSR) & LSR_DR))
		return false;
	*c = uart_in(u, REG_DATA);
	return true;
}

static void ns16550_set_tx_irq(struct serial_port *port, bool on)
{
	struct ns16550 *u = port->uart;

	if (u->irq <= 0)
		return; /* the timer feeds it */
	u->ier = on ? IER_RX | IER_TX : IER_RX;
	uart_out(u, REG_IER, u->ier);
}

static const struct uart_ops ns16550_ops = {
	.init_preirq = ns16550_init_preirq,
	.init_irq = ns16550_init_irq,
	.tx_room = ns16550_tx_room,
	.write = ns16550_write,
	.getc = ns16550_getc,
	.set_tx_irq = ns16550_set_tx_irq,
};

/* Nothing there reads as all ones; a UART keeps the upper half of IER at 0. */
static bool __init uart_exists(const struct ns16550 *u)
{
	u8 ier;

	uart_out(u, REG_LCR, u->lcr);
	uart_out(u, REG_IER, 0);
	ier = uart_in(u, REG_IER);
	return !ier && uart_in(u, REG_LSR) != 0xff;
}

void __init ns16550_init(void)
{
	for (unsigned int i = 0; i < SERIAL_PORTS; i++) {
		struct ns16550 *u = &uarts[i];

		u->configured = u->configured && uart_exists(u);
		if (u->configured)
			u->port = serial_register_uart(i, &ns16550_ops, u);
	}
}

unsigned int serial_io_base(unsigned int idx)
{
	return idx < SERIAL_PORTS && uarts[idx].configured ? uarts[idx].io : 0;
}

int serial_irq(unsigned int idx)
{
	return idx < SERIAL_PORTS && uarts[idx].configured && uarts[idx].irq > 0 ? uarts[idx].irq : -1;
}
