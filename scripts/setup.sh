#!/bin/sh
# Installs what is missing and nothing else. Quick and silent when everything is there.
#
#   scripts/setup.sh [node|demo|tests|machines]…      (default: node)
#
#   node      the npm packages of package-lock.json, and through them Node 24
#   demo      node, and Nix, git and OpenSSH
#   tests     demo, and OpenSSL, procps, Chromium, PostgreSQL, a TPM in software (swtpm, tpm2-tools), and in .cache an nginx and a bootctl
#   machines  demo, systemd-nspawn, debootstrap and iproute2, and in the user's cache two Debians for test machines
#
# Debian packages are installed by root or by whoever has sudo without a password; for everybody else this says in one
# line what to install. Nothing in the home directory but npm's cache, and no configuration of Nix, is changed.
set -eu

cd -- "$(dirname -- "$(readlink -f -- "$0")")/.."

say() { echo "setup: $*" >&2; }
die() {
  say "$*"
  exit 1
}
have() { command -v "$1" >/dev/null 2>&1; }

# $1: version found, $2: version wanted
at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }

missing=''
wanted=''
image_wanted=''
aside_wanted=''
need() { # $1: program, $2: Debian package
  wanted="$wanted $1"
  have "$1" || missing="$missing $2"
}

# Its programs are in a folder of their version, outside the PATH; the tests start servers of their own.
need_postgres() {
  for server in /usr/lib/postgresql/*/bin/initdb; do
    [ ! -x "$server" ] || return 0
  done
  missing="$missing postgresql"
}

# Put aside, not installed: one package would start a server on port 80, the other set up a boot loader.
aside() { # $1: Debian package, $2: its program
  [ -x "$2" ] || [ -x ".cache/$1$2" ] && return 0
  have apt-get && have dpkg-deb || die "please install: $1"
  mkdir -p ".cache/$1"
  (
    cd ".cache/$1"
    apt-get download "$1" && dpkg-deb --extract "$1"_*.deb . && rm "$1"_*.deb
  ) </dev/null >".cache/$1.log" 2>&1 || die "$1 could not be fetched; all that was said is in .cache/$1.log"
}

need_nix() {
  wanted="$wanted nix-store nix-build"
  if ! have nix-store; then
    missing="$missing nix-bin"
    return
  fi
  # Not nix-store --version: that opens the store, which need not be the one in use.
  version=$(nix --version 2>/dev/null </dev/null | sed -n '1s/.* \([0-9][0-9.]*\).*/\1/p')
  [ -n "$version" ] || die 'nix-store is there but nix does not run: try nix --version'
  at_least "$version" 2.8 || die "Nix $version is too old: 2.8 or newer is needed, see https://nixos.org/download"
}

install_missing() {
  [ -n "$missing" ] || return 0
  packages=${missing# }
  have apt-get || die "please install: $packages"
  if [ "$(id -u)" = 0 ]; then
    as_root='env'
  elif have sudo && sudo -n true 2>/dev/null; then
    as_root='sudo -n env'
  else
    die "please run: sudo apt-get update && sudo apt-get install --no-install-recommends $packages"
  fi
  mkdir -p .cache
  log=.cache/apt.log
  say "installing with apt-get: $packages"
  # shellcheck disable=SC2086 # words on purpose
  if ! { $as_root apt-get update &&
    $as_root DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends $packages; } \
    </dev/null >"$log" 2>&1; then
    tail -n 5 "$log" >&2
    die "apt-get failed; all it said is in $log"
  fi
  for program in $wanted; do
    have "$program" || die "$program is still missing after: apt-get install $packages"
  done
}

# Debian 12's own Node is 18, too old even to start from.
need_first_node() {
  found='none'
  if have node; then found=$(node --version 2>/dev/null) || found='one that does not run'; fi
  have npm || found="$found, and no npm"
  at_least "${found#v}" 20 && have npm ||
    die "Node 20 or newer with npm is needed to begin with (found: $found), see https://nodejs.org/en/download"
}

# A store of its own, which the demo and the tests give every host, is one that Nix builds for in namespaces.
advise_on_namespaces() {
  have unshare || return 0
  unshare --user --map-root-user --mount --pid --net --ipc --uts --fork --mount-proc true 2>/dev/null </dev/null ||
    say 'Nix will be unable to build: user namespaces are refused here; in a container, start it with --privileged'
}

npm_packages() {
  lock=$(sha256sum package-lock.json | cut -d ' ' -f 1)
  stamp=.cache/npm-packages
  if [ -d node_modules ] && [ "$(cat "$stamp" 2>/dev/null)" = "$lock" ]; then return; fi
  mkdir -p .cache
  if ! node scripts/npm-packages-in-sync.mjs; then
    say 'installing npm packages'
    # No dependency here needs its install script, so none is run.
    if ! npm ci --ignore-scripts --no-audit --no-fund --loglevel=error </dev/null >.cache/npm.log 2>&1; then
      tail -n 15 .cache/npm.log >&2
      die 'npm ci failed; all it said is in .cache/npm.log'
    fi
  fi
  scripts/node --version >/dev/null
  echo "$lock" >"$stamp"
}

# One set-up at a time in a checkout.
if [ "${NIXFLEET_SETUP_LOCKED:-}" != 1 ] && have flock; then
  mkdir -p .cache
  NIXFLEET_SETUP_LOCKED=1 exec flock .cache/setup.lock "$0" "$@"
fi

[ $# -gt 0 ] || set -- node
for what in "$@"; do
  case $what in
    node) ;;
    demo | tests | machines)
      need git git
      need ssh-keygen openssh-client
      need_nix
      if [ "$what" = tests ]; then
        need openssl openssl
        need ps procps
        need chromium chromium
        need_postgres
        need setpriv util-linux
        need swtpm swtpm
        need systemd-detect-virt systemd
        need unshare util-linux
        aside_wanted=1
        need tpm2_createprimary tpm2-tools
      fi
      if [ "$what" = machines ]; then
        reason=$(tests/machines/run.sh --can) || die "$reason"
        need systemd-nspawn systemd-container
        need debootstrap debootstrap
        need ip iproute2
        image_wanted=1
      fi
      ;;
    *) die "unknown: $what (one of node, demo, tests, machines)" ;;
  esac
done
need_first_node
install_missing
case $wanted in *nix-build*) advise_on_namespaces ;; esac
npm_packages
if [ -n "$aside_wanted" ]; then
  aside nginx /usr/sbin/nginx
  aside systemd-boot /usr/bin/bootctl
fi
# Both here and not by the scenarios, which have no network but their own.
[ -z "$image_wanted" ] || tests/machines/harness/probe-image.sh "$(tests/machines/harness/base-image.sh)" > /dev/null
