# What the scripts of network interfaces share. xend sets vif to the interface's name.
# shellcheck shell=sh
. "${0%/*}/hotplug-functions.sh"

action=${1:-}
: "${vif:?the name of the interface is missing}"
# Used by the scripts that read this file.
# shellcheck disable=SC2034
ips=$(node ip)

# The user's own name for it.
rename_vif() {
	name=$(node vifname)
	[ -n "$name" ] && [ "$name" != "$vif" ] || return 0
	ip link show "$name" >/dev/null 2>&1 && die "vifname: there is an interface $name already"
	xenstore-write "$XENBUS_PATH/renamed" "$name"
	ip link set "$vif" down
	ip link set "$vif" name "$name"
	vif=$name
}

# The interface under the name it has now. The configuration's name alone says nothing: where renaming failed, it is
# another guest's.
current_vif() {
	name=$(node renamed)
	[ -z "$name" ] || there || vif=$name
}

there() {
	ip link show "$vif" >/dev/null 2>&1
}

# Lets the guest send from its addresses alone, where a firewall forbids the rest.
allow() {
	command -v iptables >/dev/null || return 0
	for address in $ips; do
		iptables "$1" FORWARD -m physdev --physdev-is-bridged --physdev-in "$vif" -s "${address%/*}" -j ACCEPT \
			2>/dev/null || :
	done
}

setting() {
	echo "$2" >"/proc/sys/net/ipv4/$1"
}
