/* What public headers take for granted: fixed-width types, NULL, and two functions. */
#include <stddef.h>
#include <stdint.h>
void *memcpy(void *to, const void *from, size_t size);
void *memset(void *at, int byte, size_t size);
