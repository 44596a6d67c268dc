/* entry.S: copies that survive faults; they return the bytes not done. */
#ifndef ASM_GUEST_COPY_H
#define ASM_GUEST_COPY_H

unsigned long copy_guest(void *dst, const void *src, unsigned long n);
unsigned long clear_guest_bytes(void *dst, unsigned long n);

#endif
