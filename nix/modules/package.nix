# The one program that every module runs.
{
  config,
  lib,
  pkgs,
  ...
}:
{
  options.nixfleet.package = lib.mkOption {
    type = lib.types.package;
    default = import ../package.nix { inherit pkgs; };
    defaultText = lib.literalExpression "nixfleet, built from its lockfile with Node of pkgs";
    description = "The `nixfleet` program. Agent, control plane, head signing and command line are one executable.";
    example = lib.literalExpression "inputs.nixfleet.packages.\${pkgs.system}.nixfleet";
  };
}
