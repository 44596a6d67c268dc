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

.PHONY: all xen dist demo check check-full bench install uninstall clean help packages

all: dist

xen:
	$(MAKE) -C xen $(OPTIONS)

dist: xen
	@install -d $(BOOT)
	@install -p -m 644 build/xen/xen.gz build/xen/xen-syms $(BOOT)

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
	install -d $(DESTDIR)/boot $(DESTDIR)/etc/grub.d
	install -m 644 $(BOOT)/xen.gz $(BOOT)/xen-syms $(DESTDIR)/boot
	install -m 755 scripts/grub-entry $(DESTDIR)/etc/grub.d/19_xenith
	@if [ -z "$(DESTDIR)" ] && command -v update-grub >/dev/null; then update-grub; fi

uninstall:
	rm -f $(DESTDIR)/boot/xen.gz $(DESTDIR)/boot/xen-syms $(DESTDIR)/etc/grub.d/19_xenith
	@if [ -z "$(DESTDIR)" ] && command -v update-grub >/dev/null; then update-grub; fi

clean:
	rm -rf build dist

help:
	@echo 'make             build $(BOOT)/xen.gz and xen-syms'
	@echo 'make demo        boot Debian Linux on it in QEMU, on this terminal'
	@echo 'make check       run the tests, about a quarter of an hour'
	@echo 'make check-full  run every test on every emulated machine, hours'
	@echo 'make bench       compare its speed with the bare machine and with Xen 4.17'
	@echo 'make install     into DESTDIR: /boot/xen.gz and an entry in the menu of GRUB'
	@echo 'make uninstall   remove what install put there'
	@echo 'make clean       remove build/ and dist/'
	@echo 'settings: debug=y (assertions), verbose=y (all messages), perf=y (event counters), DESTDIR=DIR'
