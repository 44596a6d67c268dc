/* Host tests: the C library's own headers come first, and names that differ from it get a prefix. */
#ifndef HOST_XEN_LIB_H
#define HOST_XEN_LIB_H

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#undef isdigit
#undef isspace
#undef isprint
#undef isxdigit
#undef tolower
#define isdigit  xen_isdigit
#define isspace  xen_isspace
#define isprint  xen_isprint
#define isxdigit xen_isxdigit
#define tolower  xen_tolower
#define strtoull xen_strtoull
#define strtoll  xen_strtoll

#include_next <xen/lib.h>

#endif
