# What nix/compliance/module/collector.nix gives a host, taken without the module system of nixpkgs; a test compares the two.
{
  # The program `nixfleet`.
  package,
  # As compliance.evidence.collector.
  collector,
  hasAgent ? true,
  fleet ? "local",
}:
let
  inherit (builtins)
    concatLists
    concatStringsSep
    filter
    head
    ;
  parts =
    (import ../../../nix/compliance/module/collector.nix {
      config = {
        compliance.evidence.collector = collector;
        nixfleet = {
          inherit package;
          trust.fleet = fleet;
        };
        services.nixfleet-agent.enable = hasAgent;
      };
      lib = {
        mkIf = isOn: value: if isOn then [ value ] else [ ];
        mkMerge = concatLists;
        optional = isOn: value: if isOn then [ value ] else [ ];
        inherit concatStringsSep;
      };
    }).config;
  servicesOf = part: part.systemd.services or { };
  own = head (filter (part: servicesOf part ? compliance-evidence-collector) parts);
in
{
  service = (servicesOf own).compliance-evidence-collector;
  timer = own.systemd.timers.compliance-evidence-collector;
  tmpfiles = own.systemd.tmpfiles.rules;
  # What the agent may write besides its own.
  agentWritePaths = concatLists (
    map (part: (servicesOf part).nixfleet-agent.serviceConfig.ReadWritePaths or [ ]) parts
  );
}
