{
  description = "A stand-in for nixpkgs: enough to evaluate our flake, without any of its packages";

  outputs =
    _:
    let
      package = system: name: derivation {
        inherit name system;
        builder = "/bin/sh";
      };
      packages = system: {
        stdenv.hostPlatform = {
          inherit system;
          isLinux = builtins.match ".*-linux" system != null;
        };
        runtimeShell = "/bin/sh";
        fetchurl = { name, ... }: package system name;
        mkShell = { packages, ... }: package system "shell" // { inherit packages; };
        runCommand = name: _: _: package system name;
        writeScript = name: text: package system name // { inherit text; };
        writeShellScript = name: text: package system name // { inherit text; };
        stdenvNoCC.mkDerivation = { pname, meta, ... }: package system pname // { inherit meta; };
      }
      // builtins.listToAttrs (
        map
          (name: {
            inherit name;
            value = package system name;
          })
          [
            "coreutils"
            "git"
            "gnugrep"
            "gnumake"
            "nix"
            "nixfmt-tree"
            "nodejs_24"
            "openssh"
            "openssl"
            "procps"
          ]
      );
      systems = [
        "x86_64-linux"
        "aarch64-linux"
        "x86_64-darwin"
        "aarch64-darwin"
      ];
    in
    {
      # What it was called with, so that a test sees what mkHost hands over.
      lib.nixosSystem = arguments: { inherit arguments; };
      legacyPackages = builtins.listToAttrs (
        map (system: {
          name = system;
          value = packages system;
        }) systems
      );
    };
}
