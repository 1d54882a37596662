#!/bin/sh
# The firmware and GRUB of a test machine: reads /boot as GRUB would, once-only choice first, and starts the system that
# the chosen entry names. What is not there panics: the machine ends.
set -u
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
config=/boot/grub/grub.cfg
environment=/boot/grub/grubenv

panic() {
  echo "boot loader: $*"
  exit 70
}

[ -s "$config" ] || panic "there is no $config"
choice=0
if [ -s "$environment" ]; then
  next=$(grub-editenv "$environment" list | sed -n 's/^next_entry=//p')
  if [ -n "$next" ]; then
    # Before it is used, or a system that does not boot would be tried for ever.
    grub-editenv "$environment" unset next_entry
    choice=$next
  fi
fi

# Prints the command line of the entry: by place (1>0) or by title (NixOS - All configurations>NixOS - Configuration 3 …).
line=$(awk -v choice="$choice" '
  function title(text) { sub(/^[a-z]+ "/, "", text); sub(/" \{$/, "", text); return text }
  function is(wanted, place, name) { return wanted == place || wanted == name }
  BEGIN { parts = split(choice, wanted, ">"); place = -1; inner = -1 }
  /^submenu "/ { place++; menu = title($0); inside = 1; inner = -1; next }
  /^menuentry "/ {
    if (inside) inner++; else place++
    chosen = inside ? parts == 2 && is(wanted[1], place, menu) && is(wanted[2], inner, title($0)) \
                    : parts == 1 && is(wanted[1], place, title($0))
    in_entry = 1
    next
  }
  /^ *linux / && chosen { sub(/^ *linux /, ""); print; exit }
  /^}$/ { if (in_entry) in_entry = 0; else inside = 0; chosen = 0 }
' "$config")
[ -n "$line" ] || panic "no entry $choice"
# shellcheck disable=SC2086 # words on purpose
set -- $line
[ -s "/boot$1" ] || panic "there is no /boot$1"
for word in "$@"; do
  case $word in init=*) init=${word#init=} ;; esac
done
[ -x "${init:-}" ] || panic "cannot start ${init:-nothing}"
echo "boot loader: entry $choice, $init"
exec "$init"
