# { hosts: name → { channel, tags }, waves: [wave] } → the fleet document, with a budget for each wave's selector too.
{ hosts, waves }:
let
  inherit (builtins) elemAt filter genList length map mapAttrs substring;
  selectors = map (wave: wave.selector) (filter (wave: wave ? selector) waves);
  # A key of its own for each host: the name's hash in the place of the key's bytes.
  keyOf = name: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA${substring 0 42 (builtins.hashString "sha256" name)}";
in
((import ../..).lib.mkFleet {
  name = "generated";
  hosts = mapAttrs (name: host: host // {
    system = "x86_64-linux";
    pubkeys = [ (keyOf name) ];
    configuration = throw "topology forced a configuration";
  }) hosts;
  channels = {
    edge.rolloutPolicy = "generated";
    stable.rolloutPolicy = "generated";
  };
  rolloutPolicies.generated = { inherit waves; };
  disruptionBudgets = genList (index: {
    name = "budget-${toString index}";
    selector = elemAt selectors index;
    maxInFlight = 1;
  }) (length selectors);
}).resolved
