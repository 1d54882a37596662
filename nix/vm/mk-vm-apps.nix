# Local virtual machines of a fleet, as apps of its flake: `nix run .#start-vm -- -h web-1`. For people with nixpkgs and QEMU,
# and KVM unless they are patient. On other systems than Linux there are none.
{
  pkgs,
  # The flake whose nixosConfigurations are meant.
  flake ? ".",
}:
let
  program = pkgs.writeScript "nixfleet-vm" (
    ''
      #!${pkgs.runtimeShell}
      PATH=${
        builtins.concatStringsSep ":" (
          map (package: "${package}/bin") [
            pkgs.coreutils
            pkgs.git
            pkgs.gnugrep
            pkgs.nix
            pkgs.openssh
          ]
        )
      }
      export PATH
      flake='${builtins.replaceStrings [ "'" ] [ "'\\''" ] flake}'
    ''
    + builtins.readFile ./vm.sh
  );
  app = command: description: {
    type = "app";
    program = "${pkgs.writeScript "nixfleet-vm-${command}" ''
      #!${pkgs.runtimeShell}
      exec ${program} ${command} "$@"
    ''}";
    meta = { inherit description; };
  };
in
if pkgs.stdenv.hostPlatform.isLinux then
  {
    build-vm = app "build" "Build the virtual machine of a host";
    start-vm = app "start" "Start it, built first if it is not";
    stop-vm = app "stop" "Stop it";
    clean-vm = app "clean" "Stop it and delete its disk";
    test-vm = app "test" "Boot a host once, and look whether it comes up";
  }
else
  { }
