{
  description = "Declarative NixOS fleets with signed GitOps";

  # mkFleet needs no nixpkgs; mkHost, the package and the development shell do. A fleet lets it follow its own.
  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-26.05";

  outputs =
    { self, nixpkgs }:
    let
      parts = import ./.;
      systems = [
        "x86_64-linux"
        "aarch64-linux"
        "x86_64-darwin"
        "aarch64-darwin"
      ];
      forSystems =
        f:
        builtins.listToAttrs (
          map (system: {
            name = system;
            value = f system nixpkgs.legacyPackages.${system};
          }) systems
        );
      app = program: description: {
        type = "app";
        inherit program;
        meta = { inherit description; };
      };
    in
    {
      # Nix before 2.20 wants modules to be sets here.
      nixosModules = builtins.mapAttrs (_: module: { imports = [ module ]; }) parts.nixosModules;
      darwinModules = builtins.mapAttrs (_: module: { imports = [ module ]; }) parts.darwinModules;

      inherit (parts) scopes;

      lib = parts.lib // {
        mkHost = parts.lib.mkHostWith { inherit nixpkgs; };
      };

      packages = forSystems (
        system: pkgs: rec {
          nixfleet = parts.package pkgs;
          default = nixfleet;
        }
      );

      apps = forSystems (
        system: pkgs:
        let
          nixfleet = self.packages.${system}.nixfleet;
          # `nix run …#demo`: a command of its own, since an app takes no arguments.
          command = name: pkgs.writeShellScript "nixfleet-${name}" ''exec ${nixfleet}/bin/nixfleet ${name} "$@"'';
        in
        {
          default = app "${nixfleet}/bin/nixfleet" "The command line: nixfleet --help";
          demo = app "${command "demo"}" "Watch a fleet of four deploy, refuse, roll back and recover";
          validate = app "${command "check"}" "Check a fleet repository, offline";
        }
      );

      checks = forSystems (
        system: pkgs: {
          package = self.packages.${system}.nixfleet;
          # What mkFleet says of the fixture is what the repository holds.
          fleet = pkgs.runCommand "nixfleet-fleet-fixture" { } ''
            cmp ${builtins.toFile "expected" (builtins.toJSON (builtins.fromJSON (builtins.readFile ./tests/nix/fixtures/acme.json)))} \
              ${builtins.toFile "resolved" (builtins.toJSON (import ./tests/nix/fixtures/acme.nix).resolved)}
            touch $out
          '';
        }
      );

      devShells = forSystems (
        system: pkgs: {
          default = pkgs.mkShell {
            packages = [
              pkgs.nodejs_24
              pkgs.git
              pkgs.gnumake
              pkgs.openssh
              pkgs.openssl
              pkgs.procps
            ];
          };
        }
      );

      # `nixfleet init` fills them in, and makes keys and trust. As strings, since Nix 2.8 wants a path of the store here.
      templates = {
        fleet = {
          path = "${./nix/templates/fleet}";
          description = "A fleet repository; nixfleet init writes the same with keys, trust, a host and CI";
        };
        host = {
          path = "${./nix/templates/host}";
          description = "The folder of one host; nixfleet host add writes the same with its key";
        };
        default = self.templates.fleet;
      };

      formatter = forSystems (system: pkgs: pkgs.nixfmt-tree);
    };
}
