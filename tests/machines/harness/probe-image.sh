#!/bin/sh
# probe-image.sh BASE: prints the directory of the base image with what probes measure: sshd, auditd, firewalls, sudo. Made
# once, kept beside it; another version of this file or of the base makes another.
set -eu

base=$1
packages='openssh-server auditd nftables iptables sudo opendoas chrony cryptsetup-bin libpam-modules apparmor-utils openssl cron'

script=$(readlink -f -- "$0")
cache=$(dirname -- "$base")
image=$cache/probes-$( { cat "$script"; basename -- "$base"; } | sha256sum | cut -c 1-16)
exec 8> "$cache/lock"
flock 8
if [ -d "$image" ]; then
  echo "$image"
  exit 0
fi

echo "machines: making the image for probes in $image (once, about a minute)" >&2
stage=$image.new
log=$cache/probe-image.log
rm -rf "$cache/probes-"*
cp --archive "$base" "$stage"
cp /etc/resolv.conf "$stage/etc/resolv.conf"
printf '#!/bin/sh\nexit 101\n' > "$stage/usr/sbin/policy-rc.d"
chmod +x "$stage/usr/sbin/policy-rc.d"
if ! unshare --mount --propagation private sh -euc '
  mount -t proc proc "$1/proc"
  export DEBIAN_FRONTEND=noninteractive
  chroot "$1" apt-get update
  chroot "$1" apt-get install --yes --no-install-recommends $2
' sh "$stage" "$packages" > "$log" 2>&1; then
  tail -n 5 "$log" >&2
  echo "machines: apt-get in the image failed; all that was said is in $log" >&2
  exit 1
fi
rm -rf "$stage/etc/resolv.conf" "$stage/usr/sbin/policy-rc.d" "$stage/etc/machine-id" "$stage"/etc/ssh/ssh_host_* \
  "$stage/var/cache/apt" "$stage/var/lib/apt/lists"
mv "$stage" "$image"
echo "$image"
