# switch | boot | test | dry-activate | check, after NixOS's switch-to-configuration, with its order of steps, its lock
# and its exit codes: 1 refused or the boot loader failed, 2 the activation failed, 4 units failed, 11 the lock is held,
# 100 a reboot is needed. `toplevel` is set above.
set -u
export PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C
# Kept when this run is killed: the next one still starts what this one had stopped.
start_list=/run/nixos/start-list
restart_list=/run/nixos/restart-list

say() { echo "$*" >&2; }

action=${1:-}
case $action in
switch | boot | test | dry-activate | check) ;;
*)
  say "Usage: $0 [check|switch|boot|test|dry-activate]"
  exit 1
  ;;
esac

# The file of a unit in a directory of units; an instance's is its template's.
unit_file() {
  if [ -e "$1/$2" ]; then
    echo "$1/$2"
  else
    case $2 in
    *@*) if [ -e "$1/${2%%@*}@.${2##*.}" ]; then echo "$1/${2%%@*}@.${2##*.}"; fi ;;
    esac
  fi
}

# Whether a unit file says key=value.
says() { grep -qx "$2=$3" "$1"; }

# Sorts every active unit into to_stop, to_restart, to_reload and to_start.
compare_units() {
  old=$(readlink -f /etc/systemd/system)
  new=$(readlink -f "$toplevel/etc/systemd/system")
  to_stop='' to_restart='' to_reload='' to_start=''
  for unit in $(systemctl list-units --full --plain --no-legend --state=active,activating | cut -d ' ' -f 1); do
    before=$(unit_file "$old" "$unit")
    after=$(unit_file "$new" "$unit")
    case $unit in
    *.target)
      # Started again, so that what it newly wants is started with it.
      for file in "$new/$unit" "/usr/lib/systemd/system/$unit"; do
        if [ ! -e "$file" ]; then continue; fi
        says "$file" RefuseManualStart yes || says "$file" X-OnlyManualStart true || to_start="$to_start $unit"
        break
      done
      continue
      ;;
    esac
    [ -n "$before" ] || continue
    if [ -z "$after" ]; then
      says "$before" X-StopOnRemoval false || to_stop="$to_stop $unit"
    elif ! cmp -s "$before" "$after"; then
      if says "$after" X-ReloadIfChanged true; then
        to_reload="$to_reload $unit"
      elif says "$after" X-RestartIfChanged false; then
        say "not restarting $unit"
      elif says "$after" X-StopIfChanged false; then
        to_restart="$to_restart $unit"
      else
        to_stop="$to_stop $unit"
        to_start="$to_start $unit"
      fi
    fi
  done
}

if [ "$action" = dry-activate ]; then
  compare_units
  [ -z "$to_stop" ] || say "would stop the following units:$to_stop"
  [ -z "$to_restart" ] || say "would restart the following units:$to_restart"
  [ -z "$to_start" ] || say "would start the following units:$to_start"
  exit 0
fi

mkdir -p /run/nixos
exec 9>> /run/nixos/switch-to-configuration.lock
if ! flock -n 9; then
  say 'Could not acquire lock'
  exit 11
fi

if [ "${NIXOS_NO_CHECK:-}" != 1 ]; then
  if ! "$toplevel/pre-switch-checks" /run/current-system "$toplevel" "$action" 9>&-; then
    say 'Pre-switch checks failed'
    exit 1
  fi
fi
[ "$action" != check ] || exit 0

case $action in
switch | boot) "$toplevel/install-boot-loader" "$toplevel" 9>&- || exit 1 ;;
esac
[ "${NIXOS_NO_SYNC:-}" = 1 ] || sync -f /nix/store
[ "$action" != boot ] || exit 0

if ! cmp -s /run/current-system/init-interface-version "$toplevel/init-interface-version"; then
  say 'Warning: the new NixOS configuration has an init that is incompatible with the current configuration.'
  say "The new configuration won't take effect until you reboot the system."
  exit 100
fi

# @switching@
# Whoever sits at a terminal that this switch takes away does not end it.
trap '' HUP PIPE
say "switching to system configuration $toplevel"
result=0
compare_units
echo "$to_start" >> "$start_list"
echo "$to_restart" >> "$restart_list"

if [ -n "$to_stop" ]; then
  say "stopping the following units:$to_stop"
  # shellcheck disable=SC2086 # words on purpose
  systemctl stop $to_stop 9>&-
fi

say 'activating the configuration...'
NIXOS_ACTION=$action "$toplevel/activate" 9>&- || result=2

# Forget about units that failed before: what fails below is this switch's doing.
systemctl reset-failed 9>&- || result=3
systemctl daemon-reload 9>&- || result=3

run() { # $1: systemctl's verb, then units
  verb=$1
  shift
  [ $# -gt 0 ] || return 0
  say "${verb}ing the following units: $*"
  systemctl "$verb" "$@" 9>&- || result=4
}
# shellcheck disable=SC2086,SC2046 # words on purpose
{
  run reload $to_reload
  run restart $(tr ' ' '\n' < "$restart_list" | sort -u)
  rm -f "$restart_list"
  run start $(tr ' ' '\n' < "$start_list" | sort -u)
  rm -f "$start_list"
}

failed=$(systemctl list-units --full --plain --no-legend --state=failed | cut -d ' ' -f 1 | tr '\n' ' ')
for unit in $(systemctl list-units --full --plain --no-legend --state=activating | cut -d ' ' -f 1); do
  # Started, ended badly, and about to be started again.
  if [ "$(systemctl show --property SubState --value "$unit")" = auto-restart ] &&
    [ "$(systemctl show --property ExecMainStatus --value "$unit")" != 0 ]; then
    failed="$failed$unit "
  fi
done
if [ -n "$failed" ]; then
  say "warning: the following units failed: $failed"
  systemctl status --no-pager --full $failed >&2 9>&-
  result=4
fi
exit "$result"
