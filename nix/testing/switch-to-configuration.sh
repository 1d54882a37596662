# switch | boot | test | dry-activate, as NixOS's. Exit codes as there: 1 usage, 2 activation failed, 4 a unit failed;
# 11 another activation holds the lock.
set -eu

lock_seconds_max=20
# Tenths of a second.
stop_tenths_max=50
kill_tenths_max=20
ready_tenths_max=100
hang_seconds_max=3600

# The system as it lies on this machine, which for a chroot store is not where its store path says.
here=$(cd "$(dirname "$0")/.." && pwd -P)
# shellcheck source=/dev/null
. "$here/nixfleet-facts"
# shellcheck disable=SC2154 # system, app, service, cuts_network, hang and exit_code are facts
app_here=$(dirname "$here")/$(basename "$app")
root=${NIXFLEET_SYSTEM_ROOT:-/}
root=${root%/}
state=$root/run/nixfleet-service
unit=app.service

say() { echo "switch-to-configuration: $*" >&2; }
die() {
  code=$1
  shift
  say "$*"
  exit "$code"
}

# A process is its pid, when it started (clock ticks since boot, proc(5) field 22) and the boot: a pid alone may be
# somebody else's by now. Prints nothing for one that is gone or only waits for its parent.
identity_of() {
  stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 0
  # The command's name may hold anything, a closing bracket too: fields count from the last one.
  # shellcheck disable=SC2086 # words on purpose
  set -- "$1" ${stat##*) }
  case $2 in Z | X) return 0 ;; esac
  shift 20
  read -r boot_id < /proc/sys/kernel/random/boot_id
  echo "$1 $boot_id"
}

# Sets running_pid and running_app; both empty if no service of ours runs.
read_running() {
  running_pid='' running_app=''
  [ -f "$state/identity" ] || return 0
  read -r pid ticks boot running < "$state/identity" || return 0
  case $pid in '' | *[!0-9]*) return 0 ;; esac
  [ "$(identity_of "$pid")" = "$ticks $boot" ] || return 0
  running_pid=$pid running_app=$running
}

# $1: tenths of a second, $2: pid, $3: its identity. Fails if the process is still there afterwards.
wait_gone() {
  tenths=0
  while [ "$(identity_of "$2")" = "$3" ]; do
    [ "$tenths" -lt "$1" ] || return 1
    sleep 0.1
    tenths=$((tenths + 1))
  done
}

stop_service() {
  read_running
  if [ -n "$running_pid" ]; then
    say "stopping $unit (pid $running_pid)"
    identity=$(identity_of "$running_pid")
    kill -TERM "$running_pid" 2>/dev/null || true
    if ! wait_gone "$stop_tenths_max" "$running_pid" "$identity"; then
      say "$unit does not stop: killing it"
      kill -KILL "$running_pid" 2>/dev/null || true
      wait_gone "$kill_tenths_max" "$running_pid" "$identity" || die 4 "$unit (pid $running_pid) cannot be killed"
    fi
  fi
  rm -f "$state/identity" "$state/ready"
}

start_service() {
  [ -n "${NIXFLEET_NODE:-}" ] || die 4 "$unit needs NIXFLEET_NODE: the Node.js that runs it"
  case ${NIXFLEET_SERVICE_PORT:-} in
  '' | *[!0-9]*) die 4 "$unit needs NIXFLEET_SERVICE_PORT: the port it listens on" ;;
  esac
  say "starting $unit"
  mkdir -p "$state"
  rm -f "$state/identity" "$state/ready"
  # A session of its own and none of our descriptors: it outlives us, and holds neither the lock nor our caller's pipes.
  # It notes its own identity before it becomes the service, so there is no moment in which it runs unknown.
  # shellcheck disable=SC2016 # expanded by the inner shell
  NIXFLEET_SERVICE_READY_FILE=$state/ready setsid /bin/sh -euc '
    state=$1 app=$2 server=$3
    read -r stat < "/proc/$$/stat"
    pid=$$
    set -- ${stat##*) }
    shift 19
    read -r boot_id < /proc/sys/kernel/random/boot_id
    echo "$pid $1 $boot_id $app" > "$state/identity.new"
    mv -f "$state/identity.new" "$state/identity"
    cd /
    exec "$NIXFLEET_NODE" "$server"
  ' sh "$state" "$app" "$app_here/bin/server.js" < /dev/null > "$state/log" 2>&1 9>&- &

  tenths=0
  while [ ! -f "$state/ready" ]; do
    if [ "$tenths" -ge "$ready_tenths_max" ]; then
      stop_service
      die 4 "$unit did not listen in time: see $state/log"
    fi
    if [ -f "$state/identity" ]; then
      read_running
      [ -n "$running_pid" ] || die 4 "$unit ended: $(tail -n 1 "$state/log")"
    fi
    sleep 0.1
    tenths=$((tenths + 1))
  done
}

set_boot_default() {
  mkdir -p "$root/boot"
  ln -sfn "$system" "$root/boot/.default-system.$$"
  mv -fT "$root/boot/.default-system.$$" "$root/boot/default-system"
}

action=${1:-}
case $action in
switch | boot | test | dry-activate) ;;
*)
  echo "usage: $0 switch|boot|test|dry-activate" >&2
  exit 1
  ;;
esac

if [ "$action" = dry-activate ]; then
  read_running
  say "would activate $system"
  if [ -n "$running_pid" ] && [ "$running_app" != "${service:+$app}" ]; then say "would stop $unit"; fi
  if [ -n "$service" ] && [ "$running_app" != "$app" ]; then say "would start $unit"; fi
  exit 0
fi

mkdir -p "$root/run"
exec 9> "$root/run/switch-to-configuration.lock"
flock -w "$lock_seconds_max" 9 || die 11 'another activation is running'

if [ "$action" = switch ] || [ "$action" = boot ]; then set_boot_default; fi
[ "$action" != boot ] || exit 0

# An unchanged unit is left running.
read_running
if [ "$running_app" != "${service:+$app}" ]; then stop_service; fi

"$here/activate" 9>&- || die 2 'activation failed'

if [ -n "$hang" ]; then
  # Without the lock, so that whoever reverts need not find this process first; and changing nothing ever after.
  exec 9>&-
  say 'hanging'
  sleep "$hang_seconds_max"
  exit 1
fi

read_running
if [ -n "$service" ] && [ -z "$running_pid" ]; then start_service; fi

exit "$exit_code"
