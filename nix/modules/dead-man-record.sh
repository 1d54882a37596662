# What the dead man's switches of NixOS and of a Mac have in common: the record of a switch, which dead-man.sh describes, and the
# system's profile. Each brings $profiles, and `running_system`, and has $record set before it reads one.
set -u

# What an agent has to come up and decide after a boot that nobody planned, in seconds.
grace_seconds=120

say() { echo "nixfleet: $*" >&2; }
die() {
  say "$*"
  exit 1
}

is_whole_number() { case $1 in '' | *[!0-9]*) return 1 ;; esac; }

# The file is there afterwards with all of standard input, or as it was.
write() {
  cat > "$1.new" && sync "$1.new" && mv -f "$1.new" "$1" && sync "${1%/*}"
}

# Sets to, kind, deadline, boot, seconds, boots, target, specialisation.
read_record() {
  to='' kind=switch deadline=0 boot='' seconds=$grace_seconds boots=0
  while IFS='=' read -r name value; do
    case $name in
    to) to=$value ;;
    kind) kind=$value ;;
    boot) boot=$value ;;
    deadline) if is_whole_number "$value"; then deadline=$value; fi ;;
    seconds) if is_whole_number "$value"; then seconds=$value; fi ;;
    boots) if is_whole_number "$value"; then boots=$value; fi ;;
    esac
  done < "$1" || return 1
  target=$(cat "$record/target" 2> /dev/null)
  specialisation=$(cat "$record/specialisation" 2> /dev/null)
  case $to in /nix/store/*) ;; *) return 1 ;; esac
}

write_record() {
  printf '%s=%s\n' to "$to" kind "$kind" deadline "$deadline" boot "$boot" seconds "$seconds" boots "$boots" | write "$1"
}

# $1: 1 or 0, $2: agent, dead-man or boot
write_result() {
  printf '%s=%s\n' ok "$1" by "$2" running "$(running_system)" | write "$record/result"
}

is_done() { [ -e "$record/result" ] && grep -qx ok=1 "$record/result"; }

# Sets state to the name of the file that says to go back, now or later; to nothing if there is none, or it was done.
read_state() {
  for state in armed reverting fired; do
    if [ -e "$record/$state" ]; then break; fi
    state=''
  done
  if is_done; then state=''; fi
  [ -n "$state" ] || return 0
  read_record "$record/$state" || die "$record/$state: not a record"
}

# Points the profile at its newest generation of `to`, made if there is none, and removes newer ones of the target, so that
# a rollback by hand does not land on it.
set_profile() {
  last=0 chosen=''
  for link in "$profiles"/system-*-link; do
    number=${link##*/system-}
    number=${number%-link}
    is_whole_number "$number" || continue
    if [ "$number" -gt "$last" ]; then last=$number; fi
    if [ "$(readlink "$link")" = "$to" ] && [ "$number" -gt "${chosen:-0}" ]; then chosen=$number; fi
  done
  if [ -z "$chosen" ]; then
    chosen=$((last + 1))
    ln -s "$to" "$profiles/system-$chosen-link" || return 1
  fi
  ln -sfn "system-$chosen-link" "$profiles/system.$$" && mv -fT "$profiles/system.$$" "$profiles/system" || return 1
  for link in "$profiles"/system-*-link; do
    number=${link##*/system-}
    number=${number%-link}
    if [ "$target" != "$to" ] && is_whole_number "$number" && [ "$number" -gt "$chosen" ] &&
      [ "$(readlink "$link")" = "$target" ]; then rm -f "$link"; fi
  done
  sync "$profiles"
}

is_profile_set() {
  [ "$(readlink "$profiles/$(readlink "$profiles/system" 2> /dev/null)" 2> /dev/null)" = "$to" ]
}
