/* Error numbers are those of the guest interface. */
#ifndef XEN_ERRNO_H
#define XEN_ERRNO_H

#ifdef __XEN__
#define XEN_ERRNO(name, value) name = value,
enum {
#include <public/errno.h>
};
#define ERESTART_IS_INTERNAL 1
#else
#include <errno.h>
#ifndef ERESTART
#define ERESTART 85
#endif
#endif

#endif
