/* Host tests: one CPU's private record, whose number and vCPU a test may change at will. */
#ifndef ASM_CURRENT_H
#define ASM_CURRENT_H

#include <asm/config.h>
#include <public/xen.h>
#include <xen/compiler.h>

struct vcpu;

struct cpu_info {
	struct cpu_user_regs guest_regs;
	unsigned int processor_id;
	struct vcpu *current_vcpu;
};
extern struct cpu_info host_cpu_info;

#define get_cpu_info()        (&host_cpu_info)
#define current               (host_cpu_info.current_vcpu)
#define set_current(v)        (host_cpu_info.current_vcpu = (v))
#define guest_cpu_user_regs() (&host_cpu_info.guest_regs)
#define guest_mode(regs)      ((regs) == guest_cpu_user_regs())

#endif
