/* What we say we are: the interface is that of 4.17, the name is ours. */
#ifndef XEN_VERSION_H
#define XEN_VERSION_H

#define XEN_INTERFACE_MAJOR 4
#define XEN_INTERFACE_MINOR 17

#endif
