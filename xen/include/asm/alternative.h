/* Instructions patched in at boot where the CPU has SMAP; 3-byte no-ops elsewhere. */
#ifndef ASM_ALTERNATIVE_H
#define ASM_ALTERNATIVE_H

#ifdef __ASSEMBLY__
	.macro ALT_SMAP b3
661:	.byte 0x0f, 0x1f, 0x00
	.pushsection .alternatives, "a"
	.balign 8
	.long 661b - .
	.byte 0x0f, 0x01, \b3, 0
	.popsection
	.endm
#define STAC ALT_SMAP 0xcb
#define CLAC ALT_SMAP 0xca
#else
#define ALT_SMAP_STR(b3)                                                                           \
	"661: .byte 0x0f, 0x1f, 0x00\n"                                                            \
	".pushsection .alternatives, \"a\"\n.balign 8\n.long 661b - .\n.byte 0x0f, 0x01, " b3      \
	", 0\n.popsection\n"
#define ALT_STAC ALT_SMAP_STR("0xcb")
#define ALT_CLAC ALT_SMAP_STR("0xca")
#define stac() __asm__ volatile(ALT_STAC ::: "memory")
#define clac() __asm__ volatile(ALT_CLAC ::: "memory")
#endif

#endif
