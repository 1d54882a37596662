# Stand-ins for packages: a name and a store path, in the letters that one has.
let
  package = name: {
    type = "derivation";
    inherit name;
    outPath = "${builtins.storeDir}/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-${name}";
  };
in
{
  runtimeShell = "/bin/bash";
  writeScript = name: text: package name // { inherit text; };
  writeScriptBin = name: text: package name // { inherit text; };
}
// builtins.listToAttrs (
  map
    (name: {
      inherit name;
      value = package name;
    })
    [
      "bash"
      "btrfs-progs"
      "coreutils"
      "findutils"
      "git"
      "gnugrep"
      "gnused"
      "nix"
      "nixfleet"
      "openssh"
      "openssl"
      "systemd"
      "tpm2-tools"
      "util-linux"
    ]
)
