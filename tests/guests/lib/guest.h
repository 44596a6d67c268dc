/* What the test guests share: results, traps that are caught, memory and page tables, a second vCPU. */
#ifndef GUEST_H
#define GUEST_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <public/xen.h>
#include <public/callback.h>
#include <public/errno.h>
#include <public/event_channel.h>
#include <public/grant_table.h>
#include <public/memory.h>
#include <public/platform.h>
#include <public/sched.h>
#include <public/vcpu.h>
#include "hypercall.h"

#define GUEST_BASE 0xffffffff80000000UL
#define PAGE_SIZE  4096UL
#define STACK_SIZE 32768UL
#define MAX_VCPUS  4
#define KERNEL_CS  0xe030 /* as frames show the kernel's: privilege 0 stands for it */

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* --- Results ------------------------------------------------------------------------------------- */

void print(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
int format(char *buf, size_t size, const char *fmt, va_list ap);
/* One result; fmt says what was seen, for both outcomes. */
bool check(bool ok, const char *name, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* A hypercall's return value: exactly `want`; any error; any at all but 0 and above. */
bool expect(const char *name, long rc, long want);
bool expect_error(const char *name, long rc);
/* The trap that ended an attempt (NO_TRAP: none). */
bool expect_trap(const char *name, unsigned int got, unsigned int want);
/* Print DONE and end the machine. */
void finish(void) __attribute__((noreturn));
void *memset(void *p, int c, size_t n);
void *memcpy(void *d, const void *s, size_t n);
int memcmp(const void *a, const void *b, size_t n);
int strcmp(const char *a, const char *b);
/* The value behind "name=" on the command line, or the default. */
unsigned long option(const char *name, unsigned long otherwise);
/* The word behind "name=" in buf; "" without it. */
const char *option_word(const char *name, char *buf, size_t size);

/* --- Traps ----------------------------------------------------------------------------------------- */

#define NO_TRAP       0xffffu
#define TRAP_DE       0
#define TRAP_DB       1
#define TRAP_NMI      2
#define TRAP_BP       3
#define TRAP_OF       4
#define TRAP_BR       5
#define TRAP_UD       6
#define TRAP_NM       7
#define TRAP_NP       11
#define TRAP_SS       12
#define TRAP_GP       13
#define TRAP_PF       14
#define TRAP_AC       17
#define TRAP_EVENT    256
#define TRAP_FAILSAFE 257
#define TRAP_SYSCALL  258

struct trap_frame {
	u64 r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax;
	u64 vector, error_code;
	u64 rip, cs, rflags, rsp, ss;
};

/* Where to go on after a trap: see start.S. */
struct catch {
	u64 rip, rsp, rbx, rbp, r12, r13, r14, r15;
};

/* A vCPU's own data, at the low end of its stack. */
struct guest_vcpu {
	unsigned int id;
	struct catch *catch;
	struct trap_frame last; /* of the latest trap */
	u64 last_cr2;
	unsigned long traps, events;
	bool (*handler)(struct trap_frame *); /* true: return to the frame */
};

extern struct start_info *start_info;
extern struct shared_info *shared_info;
extern const unsigned long trap_entries[256];
extern void event_entry(void), failsafe_entry(void), syscall_entry(void);

static inline struct guest_vcpu *this_vcpu(void)
{
	unsigned long sp;

	__asm__("mov %%rsp, %0" : "=r"(sp));
	return (struct guest_vcpu *)(sp & ~(STACK_SIZE - 1));
}

int catch_begin(struct catch *c) __attribute__((returns_twice));
void catch_return(struct catch *c) __attribute__((noreturn));
void iret_to(const struct iret_context *frame) __attribute__((noreturn));

/* Runs the statement and gives the vector of the trap that ended it, or NO_TRAP. */
#define TRY(statement)                                                                                                \
	({                                                                                                            \
		struct guest_vcpu *vcpu_ = this_vcpu();                                                               \
		struct catch catch_, *volatile outer_ = vcpu_->catch;                                                 \
		volatile unsigned int trap_ = NO_TRAP;                                                                \
		vcpu_->catch = &catch_;                                                                               \
		if (catch_begin(&catch_)) {                                                                           \
			trap_ = this_vcpu()->last.vector;                                                             \
		} else {                                                                                              \
			statement;                                                                                    \
		}                                                                                                     \
		this_vcpu()->catch = outer_;                                                                          \
		trap_;                                                                                                \
	})

unsigned int try_read(const volatile void *p, u64 *val);
unsigned int try_write(volatile void *p, u64 val);
/* Install (again) the table with all handlers. */
void traps_install(void);
/* Handlers, callbacks, kernel stack, debug registers and assists as they are at the start. */
void state_restore(void);
void trap_info_fill(struct trap_info *table);

/* --- Memory ---------------------------------------------------------------------------------------- */

#define PTE_P     0x001UL
#define PTE_RW    0x002UL
#define PTE_US    0x004UL
#define PTE_A     0x020UL
#define PTE_D     0x040UL
#define PTE_PSE   0x080UL
#define PTE_RO_   (PTE_P | PTE_US | PTE_A | PTE_D)
#define PTE_KERN  (PTE_RO_ | PTE_RW)
#define PTE_NX    (1UL << 63)
#define PTE_ADDR  0x000ffffffffff000UL

static inline u64 pte(unsigned long mfn, u64 flags)
{
	return (u64)mfn << 12 | flags;
}

/* A zeroed page of our own, mapped writable at its address. Never given back. */
void *page_alloc(void);
unsigned long virt_to_pfn(const void *p);
unsigned long virt_to_mfn(const void *p);
/* Address of the page with that pfn, in the image. */
void *pfn_to_virt(unsigned long pfn);
unsigned long max_pfn(void);
unsigned long pfn_to_mfn(unsigned long pfn);
/* A page with a writable type turns into a read-only mapped one, or back. */
long page_set_flags(void *page, u64 flags);
/* Change what an address of the image maps; flushes here. */
long map_at(void *va, u64 entry);
/* A fresh address whose mapping may be changed at will; its own frame stays ours. */
void *window_alloc(void);
/* The entry that maps an address, at the level 1 to 4, read through the tables. */
u64 *entry_of(const void *va, unsigned int level);
unsigned long entry_maddr(const void *va, unsigned int level);
/* Several entries and one extended operation, as hypercalls. */
long mmu_update(u64 ptr, u64 val);
long mmuext(unsigned int cmd, unsigned long arg1, unsigned long arg2);
/* The frame of our kernel's L4. */
unsigned long root_mfn(void);
/* An unpinned page-table page: zeroed, mapped read-only. */
u64 *table_alloc(void);
/* New L4 (pinned) that maps what ours does, without the hypervisor's slots. */
u64 *root_clone(void);
/* An L4 tree (not pinned) that maps `page` at va, for user mode; NULL on failure. */
u64 *user_root(unsigned long va, const void *page, u64 flags);

/* --- vCPUs and time ---------------------------------------------------------------------------------- */

/* Let vCPU `id` run fn(arg). 0 or an error. */
long vcpu_start(unsigned int id, void (*fn)(void *), void *arg);
void vcpu_context_fill(struct vcpu_guest_context *c, unsigned int id, void (*fn)(void *), void *arg);
void secondary_end(void);
u64 now(void); /* ns of system time */

static inline void cpu_relax(void)
{
	__asm__ volatile("pause" ::: "memory");
}

/* The guest's own main program. */
void guest_main(void);

#endif
