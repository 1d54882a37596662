# The kinds of value that several options share. Their rules are those of the signed documents.
{ lib, types }:
let
  inherit (builtins)
    elemAt
    fromJSON
    match
    ;
  inherit (lib.numbers) number remainder;

  instantPattern = "(2[0-9]{3})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z";
  # A day and a time of day: minutes, without a time zone.
  localPattern = "(2[0-9]{3})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]";
  divides = divisor: n: remainder n divisor == 0;
  isLeap = year: divides 4 year && (!divides 100 year || divides 400 year);
  daysOf =
    year: month:
    if month == 2 then
      (if isLeap year then 29 else 28)
    else if month == 4 || month == 6 || month == 9 || month == 11 then
      30
    else
      31;
  isDayOfCalendar =
    pattern: text:
    let
      parts = match pattern text;
      part = index: number (elemAt parts index);
    in
    part 2 <= daysOf (fromJSON (elemAt parts 0)) (part 1);
  isInstant = text: match instantPattern text != null && isDayOfCalendar instantPattern text;
  isLocal = text: match localPattern text != null && isDayOfCalendar localPattern text;
in
rec {
  inherit isInstant isLocal;

  nameOf =
    what:
    types.text {
      says = "the name of a ${what}: 1 to 63 characters of a-z, 0-9 and -, not starting with -";
      pattern = "[a-z0-9][a-z0-9-]{0,62}";
      bytesMax = 63;
      fix = "use lower-case letters, digits and -, for example web-1";
    };

  line =
    bytesMax:
    types.text {
      says = "a text of at most ${toString bytesMax} bytes";
      inherit bytesMax;
    };

  reason = types.text {
    says = "a reason for people, 1 to 1000 bytes";
    bytesMax = 1000;
    test = text: text != "";
  };

  # RFC 3339 in UTC, whole seconds, as in every signed document.
  instant = types.text {
    says = "an instant in UTC with whole seconds, such as 2026-06-01T08:00:00Z";
    bytesMax = 20;
    test = isInstant;
    fix = "write it as 2026-06-01T08:00:00Z";
  };

  # For those who think in their own clock: which of the two it is, the option `timezone` beside it decides.
  instantOrLocal = types.text {
    says = "a local time such as 2026-06-01T08:00, or an instant in UTC such as 2026-06-01T08:00:00Z";
    bytesMax = 20;
    test = text: isLocal text || isInstant text;
    fix = "write it as 2026-06-01T08:00 with timezone, or as 2026-06-01T08:00:00Z without";
  };

  timeOfDay = types.text {
    says = "a time of day such as 22:00";
    pattern = "([01][0-9]|2[0-3]):[0-5][0-9]";
    bytesMax = 5;
    fix = "write hours and minutes with two digits each, 00:00 to 23:59";
  };

  # Whether there is such a zone, the machine that releases knows: Nix has no time zone database.
  timezone = types.text {
    says = "the name of a time zone, such as Europe/Paris or UTC";
    pattern = "[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*";
    bytesMax = 64;
    fix = "take it from timedatectl list-timezones";
  };

  commit = types.text {
    says = "a full git commit hash: 40 or 64 lower-case hexadecimal digits";
    pattern = "[0-9a-f]{40}|[0-9a-f]{64}";
    bytesMax = 64;
    fix = "take it from git rev-parse";
  };

  storePath = types.text {
    says = "a store path /nix/store/<hash>-<name>, without anything below it";
    pattern = "/nix/store/[0-9a-df-np-sv-z]{32}-[0-9a-zA-Z+_?=][0-9a-zA-Z+._?=-]{0,210}";
    bytesMax = 255;
    fix = "take it from readlink /run/current-system on the host";
  };

  system = types.text {
    says = "a Nix system such as x86_64-linux";
    pattern = "[a-z0-9_]{1,32}-[a-z0-9]{1,32}";
    bytesMax = 65;
  };

  # RFC 4253 §6.6 and RFC 5656 §3.1: the fixed beginning of each kind's blob, then its exact length, so that a truncated
  # line is seen here and not by the first host that fails to connect. The last character of the P-256 blob carries two
  # unused bits, which must be zero: one key has one spelling, or duplicates would slip through.
  pubkey = types.text {
    says = "an OpenSSH public key line, ssh-ed25519 or ecdsa-sha2-nistp256";
    pattern =
      "(ssh-ed25519 +AAAAC3NzaC1lZDI1NTE5AAAAI[A-P][A-Za-z0-9+/]{42}"
      + "|ecdsa-sha2-nistp256 +AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBB[A-P][A-Za-z0-9+/]{84}[AEIMQUYcgkosw048]=)"
      + "([ \t][^\n]*)?\n?";
    bytesMax = 1024;
    fix = "copy the whole line from /etc/ssh/ssh_host_ed25519_key.pub, or of ssh-keyscan -t ed25519 without the host";
  };

  # Where the control fails that a drill releases.
  drillFailAt = types.oneOf [
    "static"
    "runtime"
    "timeout"
    "malformed"
    "stale"
    "unsigned"
  ];

  seconds = min: max: types.int { inherit min max; };
  percent = min: types.int { inherit min; max = 100; };
}
