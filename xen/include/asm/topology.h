/* Which threads share a core and which cores a socket. */
#ifndef ASM_TOPOLOGY_H
#define ASM_TOPOLOGY_H

/* Numbers of an existing CPU's core within its socket, and of its socket. */
unsigned int cpu_to_core(unsigned int cpu);
unsigned int cpu_to_socket(unsigned int cpu);
/* Online threads on the boot CPU's core, and cores with such threads in its socket. */
unsigned int threads_per_core(void);
unsigned int cores_per_socket(void);

#endif
