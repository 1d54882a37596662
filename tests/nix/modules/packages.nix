# Stand-ins for packages: a name and a store path.
let
  package = name: {
    type = "derivation";
    inherit name;
    outPath = "${builtins.storeDir}/eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee-${name}";
  };
in
builtins.listToAttrs (
  map
    (name: {
      inherit name;
      value = package name;
    })
    [
      "bash"
      "coreutils"
      "git"
      "nixfleet"
      "openssh"
      "tpm2-tools"
    ]
)
