/* The guests' floating-point and vector registers. */
#ifndef ASM_FPU_H
#define ASM_FPU_H

#include <xen/types.h>

struct vcpu;

void fpu_init_cpu(void); /* each CPU */
int fpu_alloc(struct vcpu *v); /* -ENOMEM */
void fpu_free(struct vcpu *v);
/* v leaves this CPU / comes to it: eager, so no guest ever sees another's registers. */
void fpu_save(struct vcpu *v);
void fpu_restore(struct vcpu *v);
/* The state that v, which does not run, shall have: an image of fxsave, 512 bytes of anything. */
void fpu_set_fxsave(struct vcpu *v, const void *image);
/* The same with an image of XSAVE, xstate_size bytes, and XCR0. False: not what this CPU could have made. */
bool fpu_set_xsave(struct vcpu *v, u64 xcr0, const void *image);
#define XSAVE_MIN_SIZE 576 /* legacy area and header */
/* The guest's XSETBV of register 0: false when the CPU or the rules of XCR0 forbid the value. */
bool fpu_set_xcr0(struct vcpu *v, u64 val);
extern u64 xfeature_mask; /* XCR0 bits that guests may use; 0 = no XSAVE */
extern unsigned int xstate_size;

#endif
