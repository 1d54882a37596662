{
  description = "Declarative NixOS fleets with signed GitOps";

  # No inputs: the fleet is plain Nix over builtins.
  outputs = _: import ./.;
}
