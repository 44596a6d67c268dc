/* Debug keys: what the serial console and `xm debug-keys` can ask for. */
#ifndef XEN_KEYHANDLER_H
#define XEN_KEYHANDLER_H

#include <xen/types.h>

struct cpu_user_regs;

/* Register `fn` for a key; `desc` is its line in the list of key 'h'. `diagnostic`: part of '*'. */
void register_keyhandler(unsigned char key, void (*fn)(unsigned char key), const char *desc, bool diagnostic);
/* The handler needs the interrupted registers: it runs in interrupt context. */
void register_irq_keyhandler(unsigned char key,
	void (*fn)(unsigned char key, struct cpu_user_regs *regs), const char *desc, bool diagnostic);
/* Run a key's handler now or soon; unknown keys are ignored. regs may be NULL. */
void handle_keypress(unsigned char key, struct cpu_user_regs *regs);
void keyhandler_init(void);

#endif
