/* Serial lines: buffering and the division into two half-lines; the hardware is behind ops. */
#ifndef XEN_SERIAL_H
#define XEN_SERIAL_H

#include <xen/spinlock.h>
#include <xen/types.h>

struct cpu_user_regs;
struct serial_port;

/* A handle names a port and, for com1H and the like, the characters with or without bit 7. */
#define SERIAL_PORTS  2
#define SERHND_PORT   0x01
#define SERHND_HI     0x02
#define SERHND_LO     0x04

/* A UART. All but init_irq() are called with port->lock held and interrupts off. */
struct uart_ops {
	void (*init_preirq)(struct serial_port *port);
	/* Ask for interrupts, or start a timer instead. */
	void (*init_irq)(struct serial_port *port);
	/* Characters that it takes now without looking again; 0: busy. */
	unsigned int (*tx_room)(struct serial_port *port);
	/* At most as many characters as tx_room() said. */
	void (*write)(struct serial_port *port, const char *s, unsigned int n);
	bool (*getc)(struct serial_port *port, char *c);
	/* Interrupt when there is room again, or no more. */
	void (*set_tx_irq)(struct serial_port *port, bool on);
};

struct serial_port {
	const struct uart_ops *ops; /* NULL: no such port */
	void *uart;
	spinlock_t lock;
	/* What waits for the UART: free-running positions; NULL before interrupts work. */
	char *txbuf;
	unsigned int txhead, txtail;
	int sync;                /* >0: output waits until the UART has it */
	bool tx_irq;
	bool broken; /* the UART takes nothing: given up */
	void (*rx)(char c, struct cpu_user_regs *regs);
	void (*rx_hi)(char c, struct cpu_user_regs *regs);
	void (*rx_lo)(char c, struct cpu_user_regs *regs);
};

/* A driver offers port 0 (com1) or 1 (com2) and learns what to name in its interrupts. */
struct serial_port *serial_register_uart(unsigned int idx, const struct uart_ops *ops, void *uart);
/* Boot: UARTs declared with com1= and com2= are programmed; output is polled. */
void serial_init_preirq(void);
/* Boot: buffered output and input by interrupt from here on. */
void serial_init_irq(void);
/* "com1", "com2H", ... -> handle. -1: no such name, or the port is not configured. */
int serial_parse_handle(const char *name, size_t len);
/* Send, with \r put before each \n. Any context. */
void serial_puts(int handle, const char *s, size_t n);
/* Who gets the characters that arrive; called in interrupt context without locks. */
void serial_set_rx_handler(int handle, void (*fn)(char c, struct cpu_user_regs *regs));
/* Fatal output: forget the lock, and wait for the UART from here on. */
void serial_force_unlock(int handle);
void serial_start_sync(int handle);
void serial_end_sync(int handle);

/* The UART's driver tells: something arrived, or there is room. Without locks. */
void serial_rx_interrupt(struct serial_port *port, struct cpu_user_regs *regs);
void serial_tx_interrupt(struct serial_port *port);

/* First I/O port of a port in use, of which there are 8; 0 = not in use. dom0 must stay away. */
unsigned int serial_io_base(unsigned int idx);
/* Its interrupt; -1 = none or not in use. */
int serial_irq(unsigned int idx);

void ns16550_init(void); /* boot: offers com1 and com2 to serial_register_uart() */

#endif
