/* Kept for clients that include the architecture's header by its old name. */
#include "arch-x86/xen.h"
