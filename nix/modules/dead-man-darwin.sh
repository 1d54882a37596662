# Takes a Mac back to the closure that was confirmed last. Needs launchd, sysctl and coreutils: no agent, no Node, no Nix, no
# network. agent-daemons.nix puts the interpreter and PATH above this text. What it does on NixOS, and what the files of a
# record mean, is in dead-man.sh; here launchd starts the jobs, and `activate` of a closure is what switches to it.
#
#   dead-man watch <record>               the agent arms it: starts the job that runs `fire`
#   dead-man switch <record> <seconds>    starts the job that switches to the record's target, for so long at most
#   dead-man go-back <record>             the agent took the revert upon itself: starts the job that goes back now
#   dead-man recover <records>            at every boot: picks up what a reboot or power cut interrupted
#   dead-man fire|run-switch|revert …     what those jobs run
#
# `exit` says how the switch ended: lines `code` and `seconds`.

# How long one switch back may take, in seconds.
switch_seconds_max=600
# Attempts of one run; launchd starts another. The wait before the second doubles with each.
attempts_max=6
# Between two looks at the clock, in seconds; a deadline that is nearer is waited for.
repeat_seconds=20

profiles=${profiles:-/nix/var/nix/profiles}
current_system=${current_system:-/run/current-system}
# Where /nix/store lies, for tests.
store_root=${store_root:-}
# There from the moment at which a boot was picked up; the system empties the folder at every boot.
recovered=${recovered:-/var/run/nixfleet-recovered}

boot_id() { sysctl -n kern.bootsessionuuid; }
running_system() { readlink "$current_system" 2> /dev/null; }

boottime() {
  shown=$(sysctl -n kern.boottime)
  shown=${shown#*sec = }
  echo "${shown%%,*}"
}

# Whole seconds since boot, suspended time counted: the kernel moves boottime along when the clock is set. Set between the two
# readings, it would have let pass what has not: then both are read again.
uptime_seconds() {
  before=$(boottime)
  for _ in 1 2 3 4 5; do
    now=$(date +%s) after=$(boottime)
    [ "$after" != "$before" ] || break
    before=$after
  done
  echo $((now - after))
}

label_of() { echo "nixfleet.$1.${record##*/}"; }
escaped() { printf '%s' "$1" | sed 's/&/\&amp;/g; s/</\&lt;/g; s/>/\&gt;/g'; }
stop_job() { launchctl bootout "system/$(label_of "$1")" 2> /dev/null; }

# A job of launchd, outside of whoever starts it. $1: its name, $2: the program, $3…: what it is given
start_job() {
  job=$1 program=$2
  shift 2
  {
    printf '%s\n' '<?xml version="1.0" encoding="UTF-8"?>' '<plist version="1.0"><dict>'
    printf '<key>Label</key><string>%s</string>\n' "$(label_of "$job")"
    printf '<key>ProgramArguments</key><array><string>%s</string>\n' "$(escaped "$program")"
    for argument; do printf '<string>%s</string>\n' "$(escaped "$argument")"; done
    printf '</array><key>RunAtLoad</key><true/>\n'
    # Ended by anything but success, the dead man's switch is started again.
    if [ "$job" = dead-man ]; then
      printf '<key>KeepAlive</key><dict><key>SuccessfulExit</key><false/></dict>\n'
      printf '<key>ThrottleInterval</key><integer>%s</integer>\n' "$repeat_seconds"
    fi
    printf '<key>ExitTimeOut</key><integer>10</integer></dict></plist>\n'
  } | write "$record/$job.plist" || return 1
  stop_job "$job"
  launchctl bootstrap system "$record/$job.plist"
}

# What was confirmed last is known to work.
start_dead_man() {
  program=$store_root$to/etc/nixfleet/dead-man
  [ -x "$program" ] || program=$0
  start_job dead-man "$program" fire "$record"
}

restore_default() {
  if [ ! -e "$record/default-changed" ] && { [ ! -e "$profiles/system" ] || is_profile_set; }; then return 0; fi
  say "the profile goes back to $to"
  set_profile && rm -f "$record/default-changed"
}

# $1: the closure, $2: seconds, $3: where its output goes
activate() {
  HOME=/var/root USER=root LOGNAME=root timeout --kill-after=10 "$2" "$store_root$1/activate" < /dev/null >> "$3" 2>&1
}

# There is no running system to compare with: what a switch changed before it was cut short is known to nobody, so the whole
# of `to` is activated again, also where it is said to run.
go_back() {
  attempt=0
  while [ "$attempt" -lt "$attempts_max" ]; do
    if [ "$attempt" -gt 0 ]; then sleep $((1 << (attempt - 1))); fi
    attempt=$((attempt + 1))
    stop_job switch
    say "goes back to $to"
    activate "$to" "$switch_seconds_max" "$record/revert.log"
    code=$?
    if [ "$code" = 0 ] && [ "$(running_system)" = "$to" ] && restore_default; then return 0; fi
    say "attempt $attempt: exit $code, the machine runs $(running_system)"
  done
  return 1
}

# $1: agent or dead-man. Ends the program.
go_back_and_report() {
  if go_back; then
    write_result 1 "$1"
    exit 0
  fi
  write_result 0 "$1"
  die "the machine does not go back to $to: see $record/revert.log"
}

watch() {
  read_state
  [ "$state" = armed ] && [ "$boot" = "$(boot_id)" ] || die "$record is not armed in this boot"
  start_dead_man
}

fire() {
  read_state
  [ -n "$state" ] || exit 0
  # Of an earlier boot: what to do with it is what `recover` decides.
  [ "$boot" = "$(boot_id)" ] || exit 0
  while left=$((deadline - $(uptime_seconds))) && [ "$left" -gt 0 ]; do
    # A sleep that the machine sleeps through ends soon after it has woken up.
    if [ "$left" -gt "$repeat_seconds" ]; then left=$repeat_seconds; fi
    sleep "$left"
    [ -e "$record/$state" ] || exit 0
  done
  if [ "$state" = reverting ] && launchctl print "system/$(label_of revert)" 2> /dev/null | grep -q 'state = running'; then
    exit 1
  fi
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

run_switch() { # $1: seconds
  target=$(cat "$record/target") || exit 1
  began=$(uptime_seconds)
  activate "$target" "$1" "$record/output.log"
  code=$?
  printf '%s=%s\n' code "$code" seconds $(($(uptime_seconds) - began)) | write "$record/exit"
}

recover() {
  record=''
  for found in "$1"/[0-9]*-*; do
    if [ -d "$found" ]; then record=$found; fi
  done
  if [ -n "$record" ]; then read_state; else state=''; fi
  # Not after a boot, but because somebody started the job again.
  if [ -n "$state" ] && [ "$boot" != "$(boot_id)" ]; then
    say "a switch of an earlier boot was neither confirmed nor undone"
    boot=$(boot_id) boots=$((boots + 1))
    # What the agent, or this script, was at already is not waited for.
    deadline=$(uptime_seconds)
    if [ "$state" = armed ]; then deadline=$((deadline + grace_seconds)); fi
    write_record "$record/$state"
    start_dead_man
  fi
  : > "$recovered"
}

usage() {
  say "usage: $0 watch|fire|go-back|revert <record> | switch|run-switch <record> <seconds> | recover <records>"
  exit 2
}

[ "$#" -ge 2 ] || usage
record=$2
case $1.$# in
watch.2) watch ;;
fire.2) fire ;;
revert.2) revert ;;
go-back.2) start_job revert "$0" revert "$record" ;;
switch.3) is_whole_number "$3" || usage; start_job switch "$0" run-switch "$record" "$3" ;;
run-switch.3) run_switch "$3" ;;
recover.2) recover "$2" ;;
*) usage ;;
esac
