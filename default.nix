# Without flakes: `(import ./path/to/nixfleet).lib.mkFleet { … }`, and in a configuration
# `imports = [ (import ./path/to/nixfleet).nixosModules.default ];`.
{
  lib = import ./nix;

  # All are off until enabled; `default` is all of them.
  nixosModules = {
    default = ./nix/modules/nixos.nix;
    agent = ./nix/modules/agent/nixos.nix;
    cache = ./nix/modules/cache.nix;
    cache-server = ./nix/modules/cache-server.nix;
    compliance = ./nix/compliance/module.nix;
    control-plane = ./nix/modules/control-plane.nix;
    core = ./nix/modules/core/nixos.nix;
    operator = ./nix/modules/operator.nix;
    persistence = ./nix/modules/persistence.nix;
    release = ./nix/modules/release.nix;
    trust = ./nix/modules/trust.nix;
  };

  darwinModules = {
    default = ./nix/modules/darwin.nix;
    agent = ./nix/modules/agent/darwin.nix;
    cache = ./nix/modules/cache.nix;
    core = ./nix/modules/core/darwin.nix;
    operator = ./nix/modules/operator.nix;
    trust = ./nix/modules/trust.nix;
  };

  # Modules and data that a fleet may take or leave.
  scopes = import ./nix/scopes;

  # pkgs → the program `nixfleet`.
  package = pkgs: import ./nix/package.nix { inherit pkgs; };
}
