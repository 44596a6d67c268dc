/* Stands for a hypervisor's own header, which one reference header includes. */
#define BUG() __builtin_trap()
