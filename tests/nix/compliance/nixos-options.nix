# More stand-ins for options of NixOS: those that implementations set. See ../modules/nixos-options.nix.
{ lib, ... }:
let
  inherit (lib) mkOption types;
  is = type: default: mkOption { inherit type default; };
  anything = is types.anything { };
in
{
  options = {
    boot.kernel.sysctl = is (types.attrsOf (types.nullOr (types.oneOf [ types.bool types.int types.str ]))) { };
    boot.kernelModules = is (types.listOf types.str) [ ];
    boot.blacklistedKernelModules = is (types.listOf types.str) [ ];
    boot.kernelPackages = anything;
    boot.tmp.useTmpfs = is types.bool false;
    hardware.cpu.intel.updateMicrocode = is types.bool false;
    security.lockKernelModules = is types.bool false;
    security.auditd.enable = is types.bool false;
    security.audit.enable = is (types.enum [ true false "lock" ]) false;
    security.audit.rules = is (types.listOf types.str) [ ];
    security.sudo.enable = is types.bool true;
    security.sudo.execWheelOnly = is types.bool false;
    security.sudo.extraConfig = is types.lines "";
    security.sudo.extraRules = is (types.listOf types.anything) [ ];
    security.loginDefs.settings = anything;
    security.apparmor.enable = is types.bool false;
    services.journald.storage = is types.str "persistent";
    services.journald.extraConfig = is types.lines "";
    services.journald.upload = anything;
    services.logind.settings = anything;
    users.mutableUsers = is types.bool true;
  };
  # As the modules of NixOS do: a default, and a plain value.
  config.boot.kernel.sysctl = {
    "kernel.kptr_restrict" = lib.mkDefault 1;
    "kernel.sysrq" = lib.mkDefault 16;
  };
}
