# In the initrd, before the root is mounted: moves the subvolume @root aside, named after this moment, removes what was put
# aside more than RETENTION_DAYS ago, and makes an empty one.
set -eu

mount_point=$(mktemp -d)
mount -t btrfs -o subvolid=5 "$ROOT_DEVICE" "$mount_point"

# Subvolumes below one have to go first.
remove() {
  btrfs subvolume list -o "$1" | sed 's/.* path //' | while read -r below; do remove "$mount_point/$below"; done
  btrfs subvolume delete "$1"
}

mkdir -p "$mount_point/old_roots"
if [ -e "$mount_point/@root" ]; then
  stamp=$(date --utc +%Y-%m-%dT%H-%M-%SZ)
  # A clock that stands still would name two the same.
  name=$stamp count=0
  while [ -e "$mount_point/old_roots/$name" ]; do count=$((count + 1)) name=$stamp.$count; done
  mv "$mount_point/@root" "$mount_point/old_roots/$name"
  # Its age counts from now: the root's own time is that of the last entry made in it, which may be long ago.
  touch "$mount_point/old_roots/$name"
fi
find "$mount_point/old_roots" -mindepth 1 -maxdepth 1 -mtime "+$RETENTION_DAYS" | while read -r old; do remove "$old"; done
btrfs subvolume create "$mount_point/@root"
umount "$mount_point"
