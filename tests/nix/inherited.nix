# A fleet as inherited.test.ts generates them → { refused } or { resolved }: what hosts inherit, or that nobody can say.
fleet:
let
  inherit (builtins) hashString mapAttrs substring tryEval deepSeq;
  keyOf = name: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA${substring 0 42 (hashString "sha256" name)}";
  given = {
    name = "generated";
    inherit (fleet) tags healthChecks;
    hosts = mapAttrs (
      name: host:
      host
      // {
        system = "x86_64-linux";
        pubkeys = [ (keyOf name) ];
        configuration = throw "topology forced a configuration";
      }
    ) fleet.hosts;
    channels = mapAttrs (_: channel: channel // { rolloutPolicy = "all"; }) fleet.channels;
    rolloutPolicies.all = { };
  }
  // (if fleet.compliance == null then { } else { inherit (fleet) compliance; });
  resolved = ((import ../..).lib.mkFleet given).resolved;
  tried = tryEval (deepSeq resolved resolved);
in
if tried.success then { resolved = tried.value; } else { refused = true; }
