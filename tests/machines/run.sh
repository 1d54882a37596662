#!/bin/sh
# run.sh <command…>: runs a command where test machines can live, in namespaces of its own for mounts, network and
# processes. However it ends, also killed, its machines, mounts, bridges and addresses end with it, and nothing of them
# was ever to be seen outside.
#
#   run.sh --can    says in one line why it cannot, and fails; or says nothing
set -eu

cannot() {
  echo "$1"
  exit 1
}
if [ "${1:-}" = --can ]; then
  [ "$(id -u)" = 0 ] || cannot 'booting test machines needs root'
  command -v apt-get > /dev/null || command -v systemd-nspawn > /dev/null || cannot 'systemd-nspawn is not here'
  [ -d /sys/fs/cgroup/systemd ] || [ -e /sys/fs/cgroup/cgroup.procs ] || cannot 'there is no cgroup hierarchy for systemd'
  [ -w /sys/fs/cgroup/systemd ] || [ -w /sys/fs/cgroup/cgroup.procs ] || cannot 'the cgroup hierarchy is read-only'
  unshare --mount --net --pid --fork --mount-proc sh -ec '
    mount --make-rprivate /
    mount -t tmpfs tmpfs /mnt
    mkdir /mnt/lower /mnt/upper /mnt/work /mnt/root
    mount -t overlay overlay -o lowerdir=/mnt/lower,upperdir=/mnt/upper,workdir=/mnt/work /mnt/root
  ' 2> /dev/null || cannot 'namespaces, tmpfs or overlayfs are refused here; in a container, start it with --privileged'
  exit 0
fi

# Groups that a killed run left; they are empty once its namespaces are gone.
for hierarchy in /sys/fs/cgroup/systemd /sys/fs/cgroup/unified /sys/fs/cgroup; do
  [ ! -d "$hierarchy/nixfleet-machines" ] || find "$hierarchy/nixfleet-machines" -depth -type d -exec rmdir {} + 2> /dev/null || true
done

# shellcheck disable=SC2016 # expanded inside
exec unshare --mount --net --pid --fork --kill-child --mount-proc sh -euc '
  mount --make-rprivate /
  # What systemd-nspawn would leave on the machine.
  mkdir -p /run/systemd/nspawn
  mount -t tmpfs tmpfs /run/systemd/nspawn
  # Nor do files stay.
  mount -t tmpfs -o mode=1777 tmpfs /mnt
  export TMPDIR=/mnt
  ip link set lo up
  # Not exec: PID 1 ignores the signals that it does not handle.
  "$@"
' run.sh "$@"
