/* Basic types. Guest-visible layouts use the fixed-width ones. */
#ifndef XEN_TYPES_H
#define XEN_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t s8;
typedef int16_t s16;
typedef int32_t s32;
typedef int64_t s64;

typedef uint64_t paddr_t; /* host physical address, bytes */
typedef int64_t s_time_t; /* system time, nanoseconds since boot */
typedef uint16_t domid_t;
typedef long ssize_t;

#define PRI_domain "d%u"
#define PRI_vcpu   "d%uv%u"

#endif
