# Brings the machine into this system's state, units aside; repeatable. `toplevel` is set above.
set -u
export PATH=/run/current-system/sw/bin:/usr/sbin:/usr/bin:/sbin:/bin
status=0

# $1: target, $2: link. Renamed into place, so that the link always exists.
link() {
  ln -sfn "$1" "$2.new" && mv -fT "$2.new" "$2" || status=1
}

# /etc holds links through /etc/static, which alone changes when a system is activated.
link "$(readlink -f "$toplevel/etc")" /etc/static
for entry in /etc/static/* /etc/static/systemd/* /etc/static/nixfleet/*; do
  path=${entry#/etc/static/}
  case $path in
  *'*' | systemd | nixfleet) continue ;;
  esac
  mkdir -p "$(dirname "/etc/$path")"
  [ "$(readlink "/etc/$path")" = "$entry" ] || link "$entry" "/etc/$path"
done
for entry in /etc/* /etc/systemd/* /etc/nixfleet/*; do
  case $(readlink "$entry") in
  /etc/static/*) [ -e "$entry" ] || rm -f "$entry" ;;
  esac
done
hostname "$(cat /etc/hostname)" || status=1

activation() {
  :
  # @activation@
}
(activation) || status=1

# Last, as NixOS does, and also when a snippet failed.
link "$toplevel" /run/current-system
exit "$status"
