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
