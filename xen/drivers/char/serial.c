/*
 * Serial lines above the UARTs. Output goes straight into the UART while it has room; only what
 * does not fit waits in a buffer for the transmit interrupt, so that on a fast (emulated) line no
 * interrupt is ever needed.
 */
#include <xen/console.h>
#include <xen/lib.h>
#include <xen/mm.h>
#include <xen/param.h>
#include <xen/serial.h>

static struct serial_port ports[SERIAL_PORTS] = {
	[0 ... SERIAL_PORTS - 1] = {
		.lock = SPINLOCK_INIT(LOCK_RANK_SERIAL),
	},
};

static u64 __ro_after_init opt_tx_buffer = 16 << 10;
size_param("serial_tx_buffer", opt_tx_buffer);
static unsigned int __ro_after_init txbuf_size; /* a power of two */

#define UART_PATIENCE 1000000 /* polls before a UART that never has room is given up: 1 s or so */

static struct serial_port *handle_to_port(int handle)
{
	return handle < 0 ? NULL : &ports[handle & SERHND_PORT];
}

struct serial_port *__init serial_register_uart(
	unsigned int idx, const struct uart_ops *ops, void *uart)
{
	ports[idx].ops = ops;
	ports[idx].uart = uart;
	return &ports[idx];
}

void __init serial_init_preirq(void)
{
	ns16550_init();
	for (unsigned int i = 0; i < SERIAL_PORTS; i++)
		if (ports[i].ops)
			ports[i].ops->init_preirq(&ports[i]);
}

void __init serial_init_irq(void)
{
	unsigned int order;

	for (order = 0; (PAGE_SIZE << order) < opt_tx_buffer && order < 10; order++)
		;
	txbuf_size = PAGE_SIZE << order;
	for (unsigned int i = 0; i < SERIAL_PORTS; i++) {
		struct serial_port *port = &ports[i];
		char *buf;
		unsigned long flags;

		if (!port->ops)
			continue;
		buf = alloc_xenheap_pages(order, 0);
		if (!buf)
			printk(XENLOG_WARNING "com%u: no memory to buffer output\n", i + 1);
		port->ops->init_irq(port);
		spin_lock_irqsave(&port->lock, flags);
		port->txbuf = buf;
		spin_unlock_irqrestore(&port->lock, flags);
	}
}

int serial_parse_handle(const char *name, size_t len)
{
	int handle;

	if (len < 4 || len > 5 || strncmp(name, "com", 3) || name[3] < '1' ||
		name[3] >= '1' + SERIAL_PORTS || !ports[name[3] - '1'].ops)
		return -1;
	handle = name[3] - '1';
	if (len == 5 && name[4] == 'H')
		handle |= SERHND_HI;
	else if (len == 5 && name[4] == 'L')
		handle |= SERHND_LO;
	else if (len == 5)
		return -1;
	return handle;
}

/* Room in the UART, waiting for it. 0: it is broken, and never waited for again. */
static unsigned int wait_for_room(struct serial_port *port)
{
	unsigned int room;

	for (unsigned int i = 0; i < UART_PATIENCE; i++) {
		room = port->ops->tx_room(port);
		if (room)
			return room;
		cpu_relax();
	}
	port->broken = true;
	port->txtail = port->txhead;
	return 0;
}

/* Move waiting characters into the UART, as many as `room`. */
static void feed_uart(struct serial_port *port, unsigned int room)
{
	while (room && port->txtail != port->txhead) {
		unsigned int at = port->txtail & (txbuf_size - 1);
		unsigned int n = min(room, min(port->txhead - port->txtail, txbuf_size - at));

		port->ops->write(port, port->txbuf + at, n);
		port->txtail += n;
		room -= n;
	}
}

static void drain(struct serial_port *port)
{
	unsigned int room;

	while (port->txtail != port->txhead && (room = wait_for_room(port)) != 0)
		feed_uart(port, room);
	port->txtail = port->txhead;
}

static void set_tx_irq(struct serial_port *port, bool on)
{
	if (port->tx_irq != on) {
		port->tx_irq = on;
		port->ops->set_tx_irq(port, on);
	}
}

/* Let characters wait; when there is no more room for that, wait for the UART. */
static void put_into_buffer(struct serial_port *port, const char *s, size_t n)
{
	while (n) {
		unsigned int at = port->txhead & (txbuf_size - 1);
		unsigned int space = txbuf_size - (port->txhead - port->txtail);
		unsigned int k = min_t(size_t, n, min(space, txbuf_size - at));

		if (!space) {
			space = wait_for_room(port);
			if (!space)
				return;
			feed_uart(port, space);
			continue;
		}
		memcpy(port->txbuf + at, s, k);
		port->txhead += k;
		s += k;
		n -= k;
	}
}

/* Characters to a UART that is known to have *room left. What does not fit is buffered. */
static void send(struct serial_port *port, const char *s, size_t n, unsigned int *room)
{
	while (n) {
		unsigned int k;

		if (!*room && port->txhead == port->txtail) {
			bool wait = port->sync > 0 || !port->txbuf;

			*room = wait ? wait_for_room(port) : port->ops->tx_room(port);
			if (wait && !*room)
				return;
		}
		if (!*room) {
			put_into_buffer(port, s, n);
			return;
		}
		k = min_t(size_t, n, *room);
		port->ops->write(port, s, k);
		*room -= k;
		s += k;
		n -= k;
	}
}

static void send_lines(struct serial_port *port, const char *s, size_t n, unsigned int *room)
{
	while (n) {
		size_t len = 0;

		while (len < n && s[len] != '\n')
			len++;
		send(port, s, len, room);
		if (len < n) {
			send(port, "\r\n", 2, room);
			len++;
		}
		s += len;
		n -= len;
	}
}

/* On a line shared with someone else bit 7 tells whose characters they are. */
static void send_half_line(
	struct serial_port *port, u8 bit7, const char *s, size_t n, unsigned int *room)
{
	for (; n; n--, s++) {
		char pair[2] = { '\r' | bit7, (*s & 0x7f) | bit7 };

		if (*s == '\n')
			send(port, pair, 2, room);
		else
			send(port, pair + 1, 1, room);
	}
}

void serial_puts(int handle, const char *s, size_t n)
{
	struct serial_port *port = handle_to_port(handle);
	unsigned int room = 0;
	unsigned long flags;

	if (!port || port->broken)
		return;
	spin_lock_irqsave(&port->lock, flags);
	if (port->sync > 0)
		drain(port);
	if (handle & (SERHND_HI | SERHND_LO))
		send_half_line(port, handle & SERHND_HI ? 0x80 : 0, s, n, &room);
	else
		send_lines(port, s, n, &room);
	if (port->txhead != port->txtail)
		set_tx_irq(port, true);
	spin_unlock_irqrestore(&port->lock, flags);
}

void serial_tx_interrupt(struct serial_port *port)
{
	unsigned long flags;

	spin_lock_irqsave(&port->lock, flags);
	if (port->txhead != port->txtail)
		feed_uart(port, port->ops->tx_room(port));
	if (port->txhead == port->txtail)
		set_tx_irq(port, false);
	spin_unlock_irqrestore(&port->lock, flags);
}

void serial_rx_interrupt(struct serial_port *port, struct cpu_user_regs *regs)
{
	char batch[32];
	unsigned int n;

	do {
		unsigned long flags;

		spin_lock_irqsave(&port->lock, flags);
		for (n = 0; n < sizeof(batch) && port->ops->getc(port, &batch[n]); n++)
			;
		spin_unlock_irqrestore(&port->lock, flags);
		for (unsigned int i = 0; i < n; i++) {
			char c = batch[i];

			if (port->rx)
				port->rx(c, regs);
			else if ((c & 0x80) && port->rx_hi)
				port->rx_hi(c & 0x7f, regs);
			else if (!(c & 0x80) && port->rx_lo)
				port->rx_lo(c, regs);
		}
	} while (n == sizeof(batch));
}

void serial_set_rx_handler(int handle, void (*fn)(char c, struct cpu_user_regs *regs))
{
	struct serial_port *port = handle_to_port(handle);
	unsigned long flags;

	if (!port)
		return;
	spin_lock_irqsave(&port->lock, flags);
	if (handle & SERHND_HI)
		port->rx_hi = fn;
	else if (handle & SERHND_LO)
		port->rx_lo = fn;
	else
		port->rx = fn;
	spin_unlock_irqrestore(&port->lock, flags);
}

void serial_force_unlock(int handle)
{
	struct serial_port *port = handle_to_port(handle);

	if (!port)
		return;
	spin_lock_init(&port->lock, LOCK_RANK_SERIAL);
	serial_start_sync(handle);
}

void serial_start_sync(int handle)
{
	struct serial_port *port = handle_to_port(handle);
	unsigned long flags;

	if (!port)
		return;
	spin_lock_irqsave(&port->lock, flags);
	port->sync++;
	drain(port);
	set_tx_irq(port, false);
	spin_unlock_irqrestore(&port->lock, flags);
}

void serial_end_sync(int handle)
{
	struct serial_port *port = handle_to_port(handle);
	unsigned long flags;

	if (!port)
		return;
	spin_lock_irqsave(&port->lock, flags);
	port->sync--;
	spin_unlock_irqrestore(&port->lock, flags);
}
