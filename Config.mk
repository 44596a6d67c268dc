# Settings shared by all parts of the build. Override on the command line or in .config.
-include $(ROOT)/.config

XEN_VERSION      := 4
XEN_SUBVERSION   := 17
XEN_EXTRAVERSION ?= -xenith

CC      := $(CROSS_COMPILE)gcc
CPP     := $(CROSS_COMPILE)gcc -E
LD      := $(CROSS_COMPILE)ld
PREFIX  ?= /usr
DESTDIR ?=

# y: assertions and lock checking; compiler and guest messages; event counters.
debug   ?= n
verbose ?= $(debug)
perf    ?= n

# Where things are installed, below DESTDIR, and where they keep their state.
SBINDIR    ?= $(PREFIX)/sbin
BINDIR     ?= $(PREFIX)/bin
LIBEXECDIR ?= $(PREFIX)/lib/xen
MANDIR     ?= $(PREFIX)/share/man
SYSCONFDIR ?= /etc/xen
RUNDIR     ?= /run/xen
STATEDIR   ?= /var/lib
LOGDIR     ?= /var/log/xen
