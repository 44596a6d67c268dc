/* Compiler shorthands used everywhere. */
#ifndef XEN_COMPILER_H
#define XEN_COMPILER_H

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

#define __packed          __attribute__((packed))
#define __aligned(n)      __attribute__((aligned(n)))
#define __section(s)      __attribute__((section(s)))
#define __used            __attribute__((used))
#define __maybe_unused    __attribute__((unused))
#define __must_check      __attribute__((warn_unused_result))
#define __weak            __attribute__((weak))
#define noinline          __attribute__((noinline))
#define always_inline     inline __attribute__((always_inline))
#define noreturn          __attribute__((noreturn))
#define __printf(f, a)    __attribute__((format(printf, f, a)))
#define fallthrough       __attribute__((fallthrough))

/* Code and data needed only until dom0 starts; freed afterwards. */
#define __init        __section(".init.text") __attribute__((cold))
#define __initdata    __section(".init.data")
#define __initconst   __section(".init.rodata")
/* Written at boot only. */
#define __ro_after_init __section(".data.ro_after_init")
#define __read_mostly   __section(".data.read_mostly")

#define barrier() __asm__ volatile("" ::: "memory")
/* Stops the compiler from assuming anything about where `p` points. */
#define RELOC_HIDE(p, off)                                                                         \
	({                                                                                         \
		unsigned long rh_;                                                                 \
		__asm__("" : "=r"(rh_) : "0"(p));                                                  \
		(typeof(p))(rh_ + (off));                                                          \
	})

#define READ_ONCE(x)     (*(const volatile typeof(x) *)&(x))
#define WRITE_ONCE(x, v) (*(volatile typeof(x) *)&(x) = (v))

#define ARRAY_SIZE(a)     (sizeof(a) / sizeof((a)[0]))
#define BUILD_BUG_ON(c)   _Static_assert(!(c), #c)
#define container_of(p, t, m) ((t *)((char *)(p) - offsetof(t, m)))

#define min(a, b)                                                                                  \
	({                                                                                         \
		typeof(a) min_a_ = (a);                                                            \
		typeof(b) min_b_ = (b);                                                            \
		min_a_ < min_b_ ? min_a_ : min_b_;                                                 \
	})
#define max(a, b)                                                                                  \
	({                                                                                         \
		typeof(a) max_a_ = (a);                                                            \
		typeof(b) max_b_ = (b);                                                            \
		max_a_ > max_b_ ? max_a_ : max_b_;                                                 \
	})
#define min_t(t, a, b) min((t)(a), (t)(b))
#define max_t(t, a, b) max((t)(a), (t)(b))

#define ROUNDUP(x, a)      (((x) + (a) - 1) & ~((typeof(x))(a) - 1))
#define ROUNDDOWN(x, a)    ((x) & ~((typeof(x))(a) - 1))
#define DIV_ROUND_UP(n, d) (((n) + (d) - 1) / (d))
#define IS_ALIGNED(x, a)   (((x) & ((typeof(x))(a) - 1)) == 0)

#endif
