# What the scripts of devices share. xend runs them as root with the device's path in xenstore in XENBUS_PATH.
# shellcheck shell=sh

PATH=/usr/sbin:/usr/bin:/sbin:/bin:$PATH
set -eu

# Tells xend, which shows it to the user, and ends.
die() {
	if [ -n "${XENBUS_PATH:-}" ]; then
		xenstore-write "$XENBUS_PATH/hotplug-error" "$*" "$XENBUS_PATH/hotplug-status" error || :
	fi
	echo "$*" >&2
	exit 1
}

# A node of the device, or what follows when there is none.
node() {
	xenstore-read "$XENBUS_PATH/$1" 2>/dev/null || echo "${2:-}"
}

connected() {
	xenstore-write "$XENBUS_PATH/hotplug-status" connected
}
