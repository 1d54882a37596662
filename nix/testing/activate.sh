# Brings the root into this system's state, services aside. Repeatable.
set -eu

here=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source=/dev/null
. "$here/nixfleet-facts"
root=${NIXFLEET_SYSTEM_ROOT:-/}
root=${root%/}

mkdir -p "$root/run"
if [ -n "$cuts_network" ]; then
  : > "$root/run/network-cut"
else
  rm -f "$root/run/network-cut"
fi

# Last, as NixOS does: whoever reads the link finds the state it promises. Renamed into place, so that it always exists.
ln -sfn "$system" "$root/run/.current-system.$$"
mv -fT "$root/run/.current-system.$$" "$root/run/current-system"
