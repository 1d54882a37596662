# The descriptor of a probe, with its defaults. The rule's `check` returns one; `command`, the store path of the probes' program,
# is added where a closure is made, so that the closure's hash pins it.
#
#   probe { name; expect; args ? [ ]; timeoutSecs ? 30; schema; privilege ? "user"; network ? "none";
#           applicability ? "always"; maxOutputBytes ? 65536; }
{ lib, types }:
let
  inherit (import ../fleet/check.nix { inherit lib types; }) check;
  inherit (import ../fleet/problems.nix { inherit lib; }) line;
  descriptor = types.record {
    title = "probe";
    rules = [
      {
        holds = value: builtins.isAttrs value.expect && value.expect != { };
        reads = [ "expect" ];
        rule = "a probe that expects nothing would always pass";
        fix = "say what its output must have";
      }
    ];
    options = {
      name = {
        type = types.text {
          says = "the name of a probe: a-z, 0-9 and -";
          pattern = "[a-z][a-z0-9-]*";
          bytesMax = 64;
        };
        description = "The first argument of nixfleet-probe.";
        example = ''"sshd"'';
      };
      args = {
        type = types.listOf {
          of = types.text {
            says = "an argument";
            bytesMax = 4096;
          };
          # With its name, the 64 of the catalogue document.
          max = 63;
        };
        default = [ ];
        description = "The arguments after it.";
      };
      timeoutSecs = {
        type = types.int {
          min = 1;
          max = 60;
        };
        default = 30;
        description = "After which it is killed, and the rule is an error.";
      };
      expect = {
        type = types.anything "an expectation";
        description = "The shape its output must have, see expectation.nix.";
      };
      schema = {
        type = types.text {
          says = "a vocabulary and its version, such as anssi-bp028/v1";
          pattern = "[a-z0-9][a-z0-9-]*/v[1-9][0-9]*";
          bytesMax = 64;
        };
        description = "The shape of its details.";
        example = ''"anssi-bp028/v1"'';
      };
      privilege = {
        type = types.oneOf [
          "root"
          "user"
        ];
        default = "user";
        description = "What it needs to read.";
      };
      network = {
        type = types.oneOf [
          "none"
          "egress"
        ];
        default = "none";
        description = "Loopback only, or not.";
      };
      applicability = {
        type = types.oneOf [
          "always"
          "probed"
        ];
        default = "always";
        description = "`probed`: its output may say that there is nothing here that the rule could be about. `always`: that is an error.";
      };
      maxOutputBytes = {
        type = types.int {
          min = 2;
          max = 65536;
        };
        default = 65536;
        description = "More is an error.";
      };
    };
  };
in
given:
let
  checked = check {
    type = descriptor;
    path = "";
    value = given;
  };
in
if checked.problems != [ ] then
  throw "probe ${lib.show.brief (given.name or null)}:\n${builtins.concatStringsSep "\n" (map line checked.problems)}"
else
  removeAttrs checked.value [ "name" ] // { args = [ checked.value.name ] ++ checked.value.args; }
