#!/bin/sh
# base-image.sh: prints the directory of a Debian with systemd, Nix and git for the test machines, made once and kept
# outside the repository. Another version of this file makes another image and removes the old ones.
set -eu

suite=bookworm
packages=systemd,systemd-sysv,dbus,iproute2,ca-certificates,nftables,git,procps,libfaketime,libstdc++6
# Not for debootstrap, which does not follow what these depend on.
more='nix-bin grub2-common openssh-client libpam-systemd'

script=$(readlink -f -- "$0")
cache=${XDG_CACHE_HOME:-$HOME/.cache}/nixfleet/machines
image=$cache/$suite-$(sha256sum "$script" | cut -c 1-16)
mkdir -p "$cache"
exec 8> "$cache/lock"
flock 8
if [ -d "$image" ]; then
  echo "$image"
  exit 0
fi

echo "machines: making the base image in $image (once, about a minute)" >&2
stage=$image.new
log=$cache/base-image.log
fail() {
  tail -n 5 "$log" >&2
  echo "machines: $1; all that was said is in $log" >&2
  exit 1
}
rm -rf "$cache/$suite-"*
debootstrap --variant=minbase --include="$packages" "$suite" "$stage" > "$log" 2>&1 || fail 'debootstrap failed'
# A mount of /proc that ends with this command.
cp /etc/resolv.conf "$stage/etc/resolv.conf"
unshare --mount --propagation private sh -euc '
  mount -t proc proc "$1/proc"
  export DEBIAN_FRONTEND=noninteractive
  chroot "$1" apt-get update
  chroot "$1" apt-get install --yes --no-install-recommends $2
' sh "$stage" "$more" >> "$log" 2>&1 || fail 'apt-get in the image failed'

# What a closure brings, or every machine has for itself.
rm -rf "$stage/etc/systemd/system" "$stage/etc/hostname" "$stage/etc/hosts" "$stage/etc/resolv.conf" \
  "$stage/etc/machine-id" "$stage"/etc/ssh/ssh_host_* "$stage/var/cache/apt" "$stage/var/lib/apt/lists"
# Nothing runs by itself that a test did not ask for.
for timer in apt-daily apt-daily-upgrade dpkg-db-backup e2scrub_all fstrim; do
  rm -f "$stage/lib/systemd/system/timers.target.wants/$timer.timer" "$stage/lib/systemd/system/$timer.timer"
done
mkdir -p "$stage/nix/store" "$stage/nix/var/nix/profiles" "$stage/etc/nixfleet" "$stage/boot/grub"
mv "$stage" "$image"
echo "$image"
