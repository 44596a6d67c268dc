/*
 * VGA text, 80 columns by 25 rows: character and attribute pairs at 0xb8000. Only the mode that the
 * firmware leaves is used; vga=text-80x25 and vga=current ask for just that, and vga=keep (also as
 * ",keep" behind a mode) goes on writing when dom0 has the screen too.
 */
#include <asm/page.h>
#include <asm/processor.h>
#include <xen/errno.h>
#include <xen/lib.h>
#include <xen/param.h>
#include <xen/vga.h>

#define COLUMNS 80
#define ROWS    25
#define VGA_PADDR 0xb8000
#define ATTRIBUTE 0x07 /* light grey on black */
#define BLANK     (ATTRIBUTE << 8 | ' ')

/* I/O ports: index and data of graphics controller and (colour) CRT controller. */
#define GFX_INDEX  0x3ce
#define GFX_DATA   0x3cf
#define GFX_MISC   6 /* bit 0: graphics; bits 3:2 = 3: memory at 0xb8000 */
#define CRTC_INDEX 0x3d4
#define CRTC_DATA  0x3d5
#define CRTC_CURSOR_HI 14
#define CRTC_CURSOR_LO 15

static bool active;
static unsigned int column, row;
static bool __initdata opt_keep;

static int __init parse_vga(const char *value)
{
	const char *comma;

	for (;; value = comma + 1) {
		size_t len;

		comma = strchr(value, ',');
		len = comma ? (size_t)(comma - value) : strlen(value);
		if (len == 4 && !strncmp(value, "keep", 4))
			opt_keep = true;
		else if (strncmp(value, "text-", 5) && strncmp(value, "gfx-", 4) &&
			strncmp(value, "mode-", 5) && strncmp(value, "current", 7) &&
			strncmp(value, "ask", 3))
			return -EINVAL;
		if (!comma)
			return 0;
	}
}
custom_param("vga", parse_vga);

static volatile u16 *screen(void)
{
	return maddr_to_virt(VGA_PADDR);
}

static u8 crtc_read(u8 reg)
{
	outb(reg, CRTC_INDEX);
	return inb(CRTC_DATA);
}

static void crtc_write(u8 reg, u8 v)
{
	outb(reg, CRTC_INDEX);
	outb(v, CRTC_DATA);
}

/* In 16-bit or wider steps, which is what the memory behind the bus likes. */
static void scroll(void)
{
	volatile u16 *s = screen();

	memmove((void *)s, (const void *)(s + COLUMNS), (ROWS - 1) * COLUMNS * sizeof(*s));
	for (unsigned int i = 0; i < COLUMNS; i++)
		s[(ROWS - 1) * COLUMNS + i] = BLANK;
}

static void put_char(char c)
{
	if (c == '\r' || c == '\n') {
		column = 0;
	} else if (c == '\b') {
		column -= column > 0;
		return;
	} else if (isprint(c)) {
		screen()[row * COLUMNS + column++] = ATTRIBUTE << 8 | (u8)c;
	}
	if (c == '\n' || column == COLUMNS) {
		column = 0;
		if (++row == ROWS) {
			row = ROWS - 1;
			scroll();
		}
	}
}

static void move_cursor(void)
{
	unsigned int pos = row * COLUMNS + column;

	crtc_write(CRTC_CURSOR_HI, pos >> 8);
	crtc_write(CRTC_CURSOR_LO, pos);
}

bool __init vga_init(void)
{
	unsigned int pos;
	u8 misc;

	outb(GFX_MISC, GFX_INDEX);
	misc = inb(GFX_DATA);
	if ((misc & 0x0d) != 0x0c) /* also when nothing answers: all ones */
		return false;
	pos = crtc_read(CRTC_CURSOR_HI) << 8 | crtc_read(CRTC_CURSOR_LO);
	if (pos >= ROWS * COLUMNS)
		pos = (ROWS - 1) * COLUMNS;
	row = pos / COLUMNS;
	active = true;
	if (pos % COLUMNS)
		put_char('\n');
	return true;
}

void vga_puts(const char *s, size_t n)
{
	if (!active)
		return;
	while (n--)
		put_char(*s++);
	move_cursor();
}

void __init vga_endboot(void)
{
	if (!opt_keep)
		active = false;
}
