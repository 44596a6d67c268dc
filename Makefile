# Builds, demonstrates, tests and installs. `make help` names the targets; Config.mk the settings.
ROOT := $(CURDIR)
export ROOT
include Config.mk

# The test programs and pexpect are Debian's, whatever python3 comes first in PATH.
PYTHON := /usr/bin/python3
DIST   := dist/install
BOOT   := $(DIST)/boot
# Passed on when given on the command line or in .config.
OPTIONS := debug=$(debug) verbose=$(verbose) perf=$(perf)

COMPONENTS := xen tools docs

.PHONY: all build xen tools docs dist $(COMPONENTS:%=dist-%) $(COMPONENTS:%=install-%) demo check check-full test bench \
	install uninstall deb clean help packages

all: dist

build: xen tools

xen:
	$(MAKE) -C xen $(OPTIONS)

tools:
	@$(MAKE) -C tools all

docs:

dist-xen: xen
	@install -d $(BOOT)
	@install -p -m 644 build/xen/xen.gz build/xen/xen-syms $(BOOT)
	@install -D -m 755 scripts/grub-entry $(DIST)/etc/grub.d/19_xenith

# Built before the old tree goes, so that a failed build leaves it.
dist-tools: tools
	@rm -rf $(DIST)/etc/default $(DIST)/etc/init.d $(DIST)$(SYSCONFDIR) $(DIST)/lib $(DIST)$(PREFIX)
	@$(MAKE) -s -C tools install DESTDIR=$(ROOT)/$(DIST)

dist-docs: dist-tools
	@for page in $(wildcard docs/man/*.[1-9]); do \
		install -D -m 644 $$page $(DIST)$(MANDIR)/man$${page##*.}/$${page##*/}; done

dist: $(COMPONENTS:%=dist-%)
	@install -p -m 644 COPYING README.md dist
	@install -p -m 755 scripts/install-dist dist/install.sh

packages:
	@scripts/install-packages

demo: packages
	@$(MAKE) --no-print-directory dist
	@scripts/demo

check: packages
	@$(PYTHON) scripts/check --make "$(MAKE)" --options "$(OPTIONS)"

check-full: packages
	@$(PYTHON) scripts/check --full --make "$(MAKE)" --options "$(OPTIONS)"

bench: packages
	@$(MAKE) --no-print-directory dist
	@$(PYTHON) tests/bench/run

install: dist
	@scripts/install-dist $(if $(DESTDIR),$(DESTDIR),/)

install-xen: dist-xen
	@scripts/install-dist -x $(if $(DESTDIR),$(DESTDIR),/)

install-tools install-docs: dist-docs
	@scripts/install-dist -t $(if $(DESTDIR),$(DESTDIR),/)

uninstall: dist
	@scripts/install-dist -u $(if $(DESTDIR),$(DESTDIR),/)

deb: dist
	@scripts/make-deb

test:
	@$(MAKE) --no-print-directory -C tests/unit check
	@[ ! -e tests/tools/Makefile ] || $(MAKE) --no-print-directory -C tests/tools check

clean:
	rm -rf build dist

help:
	@echo 'make             build all into dist/install; make xen, make tools: only compile that'
	@echo 'make demo        boot it with Debian Linux and a guest in QEMU, on this terminal'
	@echo 'make test        run the unit tests'
	@echo 'make check       run the tests, about twenty minutes'
	@echo 'make check-full  run every test on every emulated machine, hours'
	@echo 'make bench       compare its speed with the bare machine and with Xen 4.17'
	@echo 'make install     hypervisor, tools and an entry in the menu of GRUB, below DESTDIR; install-xen, install-tools'
	@echo 'make uninstall   remove what install put there; /etc/xen is kept as /etc/xen.old-TIME'
	@echo 'make deb         Debian packages of them in dist/'
	@echo 'make clean       remove build/ and dist/'
	@echo 'settings: debug=y (assertions), verbose=y (all messages), perf=y (event counters), DESTDIR=DIR'
