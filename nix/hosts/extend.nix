# What mkFleet makes of the configuration that a host came with: the same one, with agent, trust, probes and compliance added. Nothing of
# it is rewritten, and without NixFleet it builds and deploys as before.
{ fleet, message }:
name:
{
  configuration,
  healthChecks,
  # A module, or null where the fleet says nothing of it.
  compliance,
  system,
}:
let
  isDarwin = builtins.match ".*-darwin" system != null;
  inherit (fleet) agent;

  added =
    { lib, ... }:
    let
      byDefault = lib.mkDefault;
    in
    {
      _file = "mkFleet, hosts.${name}";
      imports = [ (if isDarwin then ../modules/agent/darwin.nix else ../modules/agent/nixos.nix) ];
      nixfleet.trust = {
        document = byDefault agent.trust;
        # Compared with the document by the trust contract.
        fleet = fleet.name;
      };
      services.nixfleet-agent = {
        enable = byDefault true;
        host = name;
        controlPlanes = byDefault agent.controlPlanes;
        mirrors = byDefault agent.mirrors;
        substituters = byDefault agent.substituters;
        inherit healthChecks;
      };
    };
  refuse =
    { rule, fix }:
    throw (
      message fleet.name [
        {
          path = "hosts.${name}.configuration";
          value = configuration;
          inherit rule fix;
        }
      ]
    );
in
if agent == null && (compliance == null || isDarwin || !(configuration ? extendModules)) then
  configuration
else if configuration ? extendModules then
  configuration.extendModules {
    modules = (if agent == null then [ ] else [ added ]) ++ (if compliance == null then [ ] else [ compliance ]);
  }
else
  refuse {
    rule = "expected extendModules in it, by which the agent is added";
    fix = "give what nixosSystem or darwinSystem returns, whole; or leave agent out, and add the agent's module yourself";
  }
