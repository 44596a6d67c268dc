/* Instructions that may fault on guest memory, and where to go on then. */
#ifndef ASM_EXTABLE_H
#define ASM_EXTABLE_H

#ifdef __ASSEMBLY__
#define EXTABLE(at, to)                                                                            \
	.pushsection .ex_table, "a";                                                               \
	.balign 8;                                                                                 \
	.long at - ., to - .;                                                                      \
	.popsection
#else
#define EXTABLE(at, to)                                                                            \
	".pushsection .ex_table, \"a\"\n.balign 8\n.long " #at " - ., " #to " - .\n.popsection\n"
struct cpu_user_regs;
/* If the faulting instruction has an entry, go on at its fixup. */
int fixup_exception(struct cpu_user_regs *regs);
#endif

#endif
