# The pages of docs/options/: which modules each documents.
[
  {
    file = "agent";
    title = "services.nixfleet-agent";
    intro = "The agent of a NixOS machine or of a Mac with nix-darwin. mkFleet sets it for the hosts whose configurations it extends. See [agent.md](../agent.md).";
    modules = [ ../modules/agent/options.nix ];
  }
  {
    file = "control-plane";
    title = "services.nixfleet-control-plane";
    intro = "A control plane on NixOS, with a store of its own or a PostgreSQL database that several share. See [control-plane.md](../control-plane.md).";
    modules = [ ../modules/control-plane.nix ];
  }
  {
    file = "cache";
    title = "services.nixfleet-cache, services.nixfleet-cache-server";
    intro = "The fleet's binary cache, from both sides.";
    modules = [
      ../modules/cache.nix
      ../modules/cache-server.nix
    ];
  }
  {
    file = "release";
    title = "services.nixfleet-release";
    intro = "CI's hourly job on NixOS. See [releasing.md](../releasing.md).";
    modules = [ ../modules/release.nix ];
  }
  {
    file = "compliance";
    title = "compliance";
    intro = "What a host is measured by. Controls with their own options: [controls.md](../compliance/controls.md).";
    modules = [ ../compliance/module/options.nix ];
  }
  {
    file = "operator";
    title = "nixfleet.operator";
    intro = "The command line, for people.";
    modules = [ ../modules/operator.nix ];
  }
  {
    file = "contracts";
    title = "nixfleet.package, nixfleet.trust, nixfleet.persistence";
    intro = "What the other modules share.";
    modules = [
      ../modules/package.nix
      ../modules/trust.nix
      ../modules/persistence.nix
    ];
  }
  {
    file = "host-spec";
    title = "hostSpec, nixfleet.core";
    intro = "A machine in a few words; mkHost sets them.";
    modules = [
      ../modules/core/enable.nix
      ../modules/core/host-spec.nix
    ];
  }
  {
    file = "scopes";
    title = "nixfleet.keyslots.tpm, nixfleet.secrets, nixfleet.persistence.impermanence";
    intro = "What a fleet may take or leave: `scopes` of the flake. See [fleet-nix.md](../fleet-nix.md#scopes).";
    modules = [
      ../scopes/keyslots/tpm.nix
      ../scopes/secrets/secrets.nix
      ../scopes/persistence/impermanence.nix
    ];
  }
]
