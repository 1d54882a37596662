# Takes a machine back to the closure that was confirmed last. Needs PID 1, coreutils, grep and flock: no agent, no Node, no Nix,
# no network. agent-units.nix puts the interpreter and PATH above this text.
#
#   dead-man watch <record>      the agent arms it: starts the timer that runs `fire`
#   dead-man fire <record>       the dead man's switch: goes back if the record's time is up
#   dead-man revert <record>     the agent took the revert upon itself: goes back now
#   dead-man recover <records>   at every boot, before the agent: picks up what a reboot or power cut interrupted
#
# A record is one switch, a directory. Its first file is `armed`, lines of name=value, which is renamed once:
#
#   disarmed    by the agent: everything before `confirmed` had succeeded
#   released    by the agent: nothing was switched, there is nothing to guard
#   reverting   by the agent: it goes back by itself
#   fired       by this script
#
# `target` names the closure that is switched to; `specialisation`, where it is there, the variant of `to` that ran. `default-changed` is there while profile and boot default may be others than `to`; `result` says how going back ended.
# A newer agent finds this script in the closure that was confirmed last: names and meanings here stay what they are.

# How long another activation may hold the lock, and one switch back may take, in seconds.
lock_seconds_max=60
switch_seconds_max=300
# Attempts of one run; the timer starts another. The wait before the second doubles with each.
attempts_max=6
# Between two runs of the timer, in seconds; a deadline that is nearer is waited for.
repeat_seconds=20
# A machine that comes up in an unconfirmed system this often goes back without waiting for its agent.
boots_max=2

profiles=/nix/var/nix/profiles
lock=/run/nixos/switch-to-configuration.lock
loader_default=/sys/firmware/efi/efivars/LoaderEntryDefault-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f
newline='
'

# Whole seconds since boot, suspended time counted.
uptime_seconds() {
  read -r up _ < /proc/uptime
  echo "${up%%.*}"
}
boot_id() { cat /proc/sys/kernel/random/boot_id; }
system_at() { readlink "/run/$1-system" 2> /dev/null; }
running_system() { system_at current; }

timer_of() { echo "nixfleet-dead-man-${1##*/}.timer"; }

# Deadlines are looked at by the script, on a clock that counts suspended time. The timer's own clock does not, so it also
# runs the script when the machine wakes up, and from then on again and again.
start_timer() { # $1: seconds
  name=$(timer_of "$record")
  # What was confirmed last is known to work.
  program=$to/etc/nixfleet/dead-man
  [ -x "$program" ] || program=$0
  systemd-run --quiet --unit="${name%.timer}" --description="NixFleet: dead man's switch" \
    --on-active="$1" --on-clock-change --timer-property=OnUnitInactiveSec=$repeat_seconds \
    --timer-property=AccuracySec=1s --timer-property=DefaultDependencies=no \
    --property=Type=oneshot --property=DefaultDependencies=no --property=TimeoutStartSec=infinity \
    --property=OOMScoreAdjust=-1000 -- "$program" fire "$record"
}

stop_timer() { systemctl stop --no-block "$(timer_of "$record")"; }

# Everything that the switch started and did not hand to PID 1.
end_switch() {
  unit=nixfleet-switch-${record##*/}.service
  timeout 10 systemctl kill --kill-who=all --signal=KILL "$unit" 2> /dev/null
  # Should PID 1 not answer.
  for group in "/sys/fs/cgroup/system.slice/$unit" "/sys/fs/cgroup/systemd/system.slice/$unit"; do
    [ -r "$group/cgroup.procs" ] || continue
    while read -r pid; do kill -KILL "$pid" 2> /dev/null; done < "$group/cgroup.procs"
  done
  return 0
}

# The machine runs `to`, or a specialisation of it.
is_back() {
  current=$(system_at current)
  [ -n "$current" ] || return 1
  [ "$current" != "$to" ] || return 0
  for variant in "$to"/specialisation/*; do
    if [ "$current" = "$(readlink "$variant" 2> /dev/null)" ]; then return 0; fi
  done
  return 1
}

# Prints what to switch to: the specialisation that ran, where there was one.
variant_of_to() {
  case $specialisation in
  '' | .* | *[!A-Za-z0-9._-]*) ;;
  *)
    if [ -x "$to/specialisation/$specialisation/bin/switch-to-configuration" ]; then
      echo "$to/specialisation/$specialisation"
      return
    fi
    ;;
  esac
  echo "$to"
}

# $1: test or boot. Without pre-switch checks: none may keep a machine in a system that nobody confirmed.
switch_to() {
  [ ! -e "$lock" ] || flock --wait "$lock_seconds_max" "$lock" true || say 'another activation holds the lock'
  # What boots by itself is the system, whose entry brings its specialisations with it.
  if [ "$1" = test ]; then system=$(variant_of_to); else system=$to; fi
  NIXOS_NO_CHECK=1 timeout --kill-after=10 "$switch_seconds_max" "$system/bin/switch-to-configuration" "$1" \
    < /dev/null >> "$record/revert.log" 2>&1
}

# What only a boot takes up is the same in both systems.
is_same_to_boot() {
  for part in kernel initrd kernel-modules systemd; do
    [ "$(readlink -f "$1/$part")" = "$(readlink -f "$2/$part")" ] || return 1
  done
  for part in init-interface-version switch-inhibitors kernel-params; do
    [ "$(cat "$1/$part" 2> /dev/null)" = "$(cat "$2/$part" 2> /dev/null)" ] || return 1
  done
}

# What the loader boots by itself, by its own configuration: a boot partition that takes nothing more may be right as it is.
is_boot_default() {
  for directory in /boot /efi /boot/efi; do
    if [ -s "$directory/loader/loader.conf" ]; then
      read -r _ entry << END
$(grep -m 1 '^default[[:space:]]' "$directory/loader/loader.conf")
END
      file=$directory/loader/entries/$entry
    elif [ -s "$directory/grub/grub.cfg" ]; then
      file=$directory/grub/grub.cfg
    else
      continue
    fi
    # The first entry of GRUB's is the default.
    [ "$(grep -m 1 -o 'init=/nix/store/[^[:space:]]*/init' "$file" 2> /dev/null)" = "init=$to/init" ]
    return
  done
  return 1
}

# `bootctl set-default`, by hand, would count before what is installed.
installed_counts() {
  [ ! -e "$loader_default" ] || bootctl set-default ''
}

restore_default() {
  if [ ! -e "$record/default-changed" ] && { [ ! -e "$profiles/system" ] || is_profile_set; }; then return 0; fi
  say "boot default and profile go back to $to"
  set_profile && { switch_to boot || is_boot_default; } && installed_counts && rm -f "$record/default-changed"
}

# The machine came up in the target, and what differs cannot be exchanged while it runs.
is_reboot_needed() {
  [ "$(system_at booted)" = "$target" ] && [ "$target" != "$to" ] && ! is_same_to_boot "$target" "$to"
}

go_back_by_reboot() {
  restore_default || return 1
  if [ -e "$record/rebooted" ]; then
    say "a reboot did not lead to $to"
    return 1
  fi
  : | write "$record/rebooted"
  say "reboots, into $to"
  sync
  systemctl --no-block reboot || return 1
  # Nothing more to do in this boot; `recover` writes the result in the next.
  exit 0
}

go_back() {
  attempt=0
  while [ "$attempt" -lt "$attempts_max" ]; do
    if [ "$attempt" -gt 0 ]; then sleep $((1 << (attempt - 1))); fi
    attempt=$((attempt + 1))
    end_switch
    if is_reboot_needed; then
      go_back_by_reboot
      continue
    fi
    say "goes back to $to"
    switch_to test
    code=$?
    # An init that cannot be exchanged (100, as NixOS has it).
    if [ "$code" = 100 ]; then
      go_back_by_reboot
      continue
    fi
    # What counts is what runs: a switch back may end with a unit that was failing before, too.
    if is_back && restore_default; then return 0; fi
    say "attempt $attempt: exit $code, the machine runs $(system_at current)"
  done
  return 1
}

# $1: agent or dead-man. Ends the program.
go_back_and_report() {
  if go_back; then
    write_result 1 "$1"
    stop_timer
    exit 0
  fi
  write_result 0 "$1"
  die "the machine does not go back to $to: see $record/revert.log"
}

watch() {
  read_state
  [ "$state" = armed ] && [ "$boot" = "$(boot_id)" ] || die "$record is not armed in this boot"
  left=$((deadline - $(uptime_seconds)))
  if [ "$left" -lt 1 ]; then left=1; fi
  start_timer "$left"
}

fire() {
  read_state
  if [ -z "$state" ]; then
    stop_timer
    exit 0
  fi
  # Of an earlier boot: what to do with it is what `recover` decides.
  [ "$boot" = "$(boot_id)" ] || exit 0
  while left=$((deadline - $(uptime_seconds))) && [ "$left" -gt 0 ]; do
    if [ "$left" -gt "$repeat_seconds" ]; then exit 0; fi
    sleep 1
    [ -e "$record/$state" ] || exit 0
  done
  if [ "$state" = reverting ] && systemctl is-active --quiet "nixfleet-revert-${record##*/}.service"; then exit 0; fi
  # Whoever renames it has it. A disk on which nothing can be renamed does not confirm anything either: going back is
  # right all the same.
  if [ "$state" != fired ] && ! mv "$record/$state" "$record/fired" 2> /dev/null; then
    [ -e "$record/$state" ] || exit 0
  fi
  sync "$record"
  go_back_and_report dead-man
}

# The agent renames the record before; a disk that takes no rename does not keep the machine from going back.
revert() {
  read_state
  [ -n "$state" ] || exit 0
  go_back_and_report agent
}

# Makes the record one of this boot, with another deadline.
arm_again() { # $1: seconds
  boot=$(boot_id) boots=$((boots + 1))
  deadline=$(($(uptime_seconds) + $1))
  write_record "$record/$state" && start_timer "$1"
}

recover() {
  record=''
  for found in "$1"/[0-9]*-*; do
    if [ -d "$found" ]; then record=$found; fi
  done
  [ -n "$record" ] || exit 0
  read_state
  [ -n "$state" ] || exit 0
  # Not after a boot, but because somebody started the unit again.
  [ "$boot" != "$(boot_id)" ] || exit 0
  running=$(system_at current)
  if is_back; then
    restore_default || die "boot default and profile do not go back to $to: see $record/revert.log"
    [ "$state" = armed ] || write_result 1 boot
    exit 0
  fi
  say "the machine came up in $running, which was not confirmed"
  if [ "$state" = armed ] && [ "$kind" = boot ] && [ "$boots" = 0 ] && [ "$running" = "$target" ]; then
    arm_again "$seconds"
  elif [ "$boots" -lt "$boots_max" ]; then
    arm_again "$grace_seconds"
  else
    arm_again 1
  fi
}

case ${1:-}${newline}$# in
"watch${newline}2") record=$2 && watch ;;
"fire${newline}2") record=$2 && fire ;;
"revert${newline}2") record=$2 && revert ;;
"recover${newline}2") recover "$2" ;;
*)
  say "usage: $0 watch|fire|revert <record> | recover <records>"
  exit 2
  ;;
esac
