# Local virtual machines of a fleet, one QEMU for each host of nixosConfigurations, by the virtual machine that NixOS itself
# builds (config.system.build.vm). mk-vm-apps.nix puts interpreter, PATH and `flake` above this text.
#
#   vm build|start|stop|clean|test [--host <name>]… [--all] [--ram <MiB>] [--cpus <n>] [--ssh-port <port>] [--display none|gtk|spice] [--keep]
set -eu

say() { echo "vm: $*" >&2; }
die() {
  say "$*"
  exit 1
}
usage() {
  say "usage: vm build|start|stop|clean|test (-h <host> | --all) [--ram <MiB>] [--cpus <n>] [--ssh-port <port>] [--display none|gtk|spice] [--keep]"
  exit 2
}

state=${XDG_DATA_HOME:-$HOME/.local/share}/nixfleet/vms
# How long a machine may take until sshd answers, in seconds.
boot_seconds_max=180
stop_seconds_max=30
# Memory of a machine that says nothing, in MiB.
ram_default=1024

nix_text() { nix --extra-experimental-features 'nix-command flakes' eval --raw "$@"; }
is_whole_number() { case $1 in '' | *[!0-9]*) return 1 ;; esac; }

command=${1:-}
[ $# -eq 0 ] || shift
hosts='' all='' ram='' cpus=2 ssh_port='' display=none keep=''
while [ $# -gt 0 ]; do
  case $1 in
  -h | --host) [ $# -gt 1 ] || usage; hosts="$hosts $2"; shift ;;
  --all) all=1 ;;
  --ram) [ $# -gt 1 ] || usage; ram=$2; shift ;;
  --cpus) [ $# -gt 1 ] || usage; cpus=$2; shift ;;
  --ssh-port) [ $# -gt 1 ] || usage; ssh_port=$2; shift ;;
  --display) [ $# -gt 1 ] || usage; display=$2; shift ;;
  --keep) keep=1 ;;
  *) usage ;;
  esac
  shift
done
for number in "${ram:-0}" "$cpus" "${ssh_port:-0}"; do is_whole_number "$number" || usage; done
case $display in none | gtk | spice) ;; *) usage ;; esac

# Sorted, as attribute names are.
known=$(nix_text "$flake#nixosConfigurations" --apply 'hosts: builtins.concatStringsSep "\n" (builtins.attrNames hosts)')
[ -z "$all" ] || hosts=$known
[ -n "$hosts" ] || usage
for host in $hosts; do
  printf '%s\n' "$known" | grep -qxF -- "$host" || die "$host is no host of nixosConfigurations; there are: $(printf '%s' "$known" | tr '\n' ' ')"
done
set -- $hosts
[ $# -eq 1 ] || { [ -z "$ssh_port" ] && [ "$display" = none ]; } || die "--ssh-port and --display are for one host"

port_of() {
  [ -z "$ssh_port" ] || { echo "$ssh_port"; return; }
  echo $((2200 + $(printf '%s\n' "$known" | grep -nxF -- "$1" | cut -d: -f1)))
}
# Memory, then one line host port-:guest port for each forward; of a host without hostSpec, the defaults.
settings_of() {
  nix_text "$flake#nixosConfigurations.$1.config" --apply "config:
    let
      spec = config.hostSpec or { };
      ram = if spec.vmRam or null == null then $ram_default else spec.vmRam;
      forwards = spec.vmPortForwards or { };
    in
    builtins.concatStringsSep \"\\n\" (
      [ (toString ram) ] ++ map (guest: \"\${toString forwards.\${guest}}-:\${guest}\") (builtins.attrNames forwards)
    )"
}

is_running() { [ -e "$state/$1.pid" ] && kill -0 "$(cat "$state/$1.pid")" 2> /dev/null; }

build() {
  mkdir -p "$state"
  nix --extra-experimental-features 'nix-command flakes' build --out-link "$state/$1.vm" \
    "$flake#nixosConfigurations.$1.config.system.build.vm"
}

start() {
  ! is_running "$1" || die "$1 runs already, at ssh port $(cat "$state/$1.port")"
  [ -e "$state/$1.vm" ] || build "$1"
  port=$(port_of "$1")
  settings=$(settings_of "$1")
  memory=${ram:-$(printf '%s\n' "$settings" | head -n 1)}
  forwards="hostfwd=tcp:127.0.0.1:$port-:22"
  for pair in $(printf '%s\n' "$settings" | tail -n +2); do forwards="$forwards,hostfwd=tcp:127.0.0.1:$pair"; done
  case $display in
  none) screen='-display none' ;;
  gtk) screen='-display gtk' ;;
  spice) screen="-spice unix=on,addr=$state/$1.spice,disable-ticketing=on -display none" ;;
  esac
  NIX_DISK_IMAGE="$state/$1.qcow2" QEMU_NET_OPTS="$forwards" \
    QEMU_OPTS="-m $memory -smp $cpus $screen -daemonize -pidfile $state/$1.pid" "$state/$1.vm/bin/run-$1-vm"
  echo "$port" > "$state/$1.port"
  echo "$1 runs: ssh -p $port root@127.0.0.1"
}

stop() {
  if ! is_running "$1"; then
    say "$1 does not run"
    return 0
  fi
  pid=$(cat "$state/$1.pid")
  kill "$pid"
  waited=0
  while kill -0 "$pid" 2> /dev/null; do
    waited=$((waited + 1))
    [ "$waited" -le "$stop_seconds_max" ] || die "$1 did not end within $stop_seconds_max s (process $pid)"
    sleep 1
  done
  rm -f "$state/$1.pid" "$state/$1.port" "$state/$1.spice"
}

clean() {
  stop "$1"
  rm -f "$state/$1.qcow2" "$state/$1.vm"
}

on() { # $1: port, then a command. The machine is new each time and reached on loopback alone.
  port=$1
  shift
  ssh -q -p "$port" -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o ConnectTimeout=5 root@127.0.0.1 "$@"
}

test_host() {
  state=$(mktemp -d)
  ssh_port=${ssh_port:-2299}
  start "$1"
  trap 'stop "$1"; rm -rf "$state"' EXIT
  waited=0
  until on "$ssh_port" true; do
    waited=$((waited + 5))
    [ "$waited" -le "$boot_seconds_max" ] || die "$1: sshd did not answer within $boot_seconds_max s"
    sleep 5
  done
  name=$(on "$ssh_port" hostname)
  [ "$name" = "$1" ] || die "$1: its host name is $name"
  on "$ssh_port" systemctl is-active --quiet multi-user.target sshd.service || die "$1: multi-user.target or sshd is not active"
  echo "$1: boots, has its name, and reaches multi-user.target"
  if [ -n "$keep" ]; then
    trap - EXIT
    say "left running; its state is in $state"
  fi
}

case $command in
build | start | stop | clean) for host in $hosts; do "$command" "$host"; done ;;
test) [ $# -eq 1 ] || die 'test takes one host'; test_host "$1" ;;
*) usage ;;
esac
