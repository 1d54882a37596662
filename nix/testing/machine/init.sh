# What the boot loader starts as PID 1: activates this system, and becomes systemd.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
# Nobody but Nix writes to the store, which makes it writable for itself alone.
mount --bind /nix/store /nix/store
mount -o remount,ro,bind /nix/store
mkdir -p /run/nixos
"$toplevel/activate" || echo "activation of $toplevel failed; booting on"
ln -sfn "$toplevel" /run/booted-system
# @boot@
exec /usr/lib/systemd/systemd "$@"
