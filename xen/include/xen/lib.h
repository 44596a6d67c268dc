/* Console output, assertions, strings: what every file may use. */
#ifndef XEN_LIB_H
#define XEN_LIB_H

#include <stdarg.h>
#include <xen/types.h>
#include <xen/compiler.h>

/* --- Messages ------------------------------------------------------------------------------ */

/* Log levels go in front of the format: printk(XENLOG_ERR "..."). The G_ ones are about a guest
 * and are filtered by guest_loglvl=, the others by loglvl=. No prefix = warning. */
#define XENLOG_ERR     "\x01" "0"
#define XENLOG_WARNING "\x01" "1"
#define XENLOG_INFO    "\x01" "2"
#define XENLOG_DEBUG   "\x01" "3"
#define XENLOG_ALWAYS  "\x01" "9"
#define XENLOG_G_ERR     "\x02" "0"
#define XENLOG_G_WARNING "\x02" "1"
#define XENLOG_G_INFO    "\x02" "2"
#define XENLOG_G_DEBUG   "\x02" "3"

/* Format and print one message to the console and the console ring. Any context. */
void printk(const char *fmt, ...) __printf(1, 2);
void vprintk(const char *fmt, va_list ap) __printf(1, 0);
/* printk() about the current domain, rate-limited, prefixed with its vCPU. */
void gprintk(const char *level, const char *fmt, ...) __printf(2, 3);

int snprintf(char *buf, size_t size, const char *fmt, ...) __printf(3, 4);
/* As snprintf, but returns what was stored (without the NUL). */
int scnprintf(char *buf, size_t size, const char *fmt, ...) __printf(3, 4);
int vsnprintf(char *buf, size_t size, const char *fmt, va_list ap) __printf(3, 0);

/* Stop the machine with a message: only for what the hypervisor itself broke. */
void panic(const char *fmt, ...) __printf(1, 2) noreturn;

void dump_execution_state(void); /* registers and stack trace of the caller, to the console */

noreturn void bug_at(const char *file, int line, const char *what);
void warn_at(const char *file, int line, const char *what);

#define BUG() bug_at(__FILE__, __LINE__, "BUG")
#define BUG_ON(c)                                                                                  \
	do {                                                                                       \
		if (unlikely(c))                                                                   \
			bug_at(__FILE__, __LINE__, "BUG_ON(" #c ")");                              \
	} while (0)
#define WARN_ON(c)                                                                                 \
	({                                                                                         \
		bool won_ = (c);                                                                   \
		if (unlikely(won_))                                                                \
			warn_at(__FILE__, __LINE__, #c);                                           \
		unlikely(won_);                                                                    \
	})

/* States what the hypervisor guarantees; never a check of guest input. Type-checked in release. */
#ifdef CONFIG_DEBUG
#define ASSERT(c)                                                                                  \
	do {                                                                                       \
		if (unlikely(!(c)))                                                                \
			bug_at(__FILE__, __LINE__, "ASSERT(" #c ")");                              \
	} while (0)
#else
#define ASSERT(c) ((void)sizeof(!(c)))
#endif
#define ASSERT_UNREACHABLE() ASSERT(false)

/* --- Strings and memory -------------------------------------------------------------------- */

void *memcpy(void *d, const void *s, size_t n);
void *memmove(void *d, const void *s, size_t n);
void *memset(void *d, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
void *memchr(const void *s, int c, size_t n);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t n);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
char *strchr(const char *s, int c);
char *strrchr(const char *s, int c);
char *strstr(const char *s, const char *needle);

/* The build is freestanding: this is what lets the compiler expand small constant sizes in place. */
#define memcpy(d, s, n)  __builtin_memcpy(d, s, n)
#define memmove(d, s, n) __builtin_memmove(d, s, n)
#define memset(d, c, n)  __builtin_memset(d, c, n)
#define memcmp(a, b, n)  __builtin_memcmp(a, b, n)
#define strlen(s)        __builtin_strlen(s)

size_t strlcpy(char *d, const char *s, size_t size);
size_t strlcat(char *d, const char *s, size_t size);

/* Parse a number: base 0 takes 0x and 0 prefixes. *end is set behind the last digit used. */
unsigned long long strtoull(const char *s, const char **end, unsigned int base);
long long strtoll(const char *s, const char **end, unsigned int base);
/* A size with suffix B, K, M, G or T; without one the number is KiB. -EINVAL, *end as above. */
unsigned long long parse_size(const char *s, const char **end);
/* "yes/on/true/enable/1" = 1, "no/off/false/disable/0" = 0, anything else = -1. */
int parse_bool(const char *s, const char *end);

static inline bool isdigit(int c) { return c >= '0' && c <= '9'; }
static inline bool isspace(int c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
static inline bool isprint(int c) { return c >= 0x20 && c < 0x7f; }
static inline bool isxdigit(int c)
{
	return isdigit(c) || ((c | 32) >= 'a' && (c | 32) <= 'f');
}
static inline int tolower(int c) { return c >= 'A' && c <= 'Z' ? c | 32 : c; }

/* Build switches and version, for banners and XENVER_*. */
extern const char xen_banner[], xen_extraversion[], xen_changeset[], xen_compile_date[],
	xen_compile_by[], xen_compile_domain[], xen_compiler[];

/* The command line that the boot loader gave us (XENVER_commandline). */
extern char saved_cmdline[1024];

#endif
