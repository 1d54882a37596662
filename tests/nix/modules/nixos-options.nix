# Stand-ins for the options of NixOS that our modules set: enough to evaluate them with the real module system of nixpkgs'
# `lib`, without nixpkgs itself. Values merge as NixOS's do; nothing is built.
{ config, lib, ... }:
let
  inherit (lib) mkOption types;
  anything = mkOption {
    type = types.anything;
    default = { };
  };
  is = type: default: mkOption { inherit type default; };
  package = name: is types.package (import ./packages.nix).${name};
  # As in units: lists of several modules are joined.
  unitOption = lib.mkOptionType {
    name = "systemd option";
    merge =
      loc: defs:
      if lib.all (def: lib.isList def.value) defs then lib.concatMap (def: def.value) defs else lib.mergeEqualOption loc defs;
  };
  failed = map (entry: entry.message) (lib.filter (entry: !entry.assertion) config.assertions);
in
{
  options = {
    assertions = is (types.listOf types.unspecified) [ ];
    warnings = is (types.listOf types.str) [ ];
    environment.etc = mkOption {
      default = { };
      type = types.attrsOf (
        types.submodule {
          options.text = is (types.nullOr types.lines) null;
          options.source = is types.path "/nowhere";
        }
      );
    };
    environment.systemPackages = is (types.listOf types.package) [ ];
    environment.variables = is (types.attrsOf types.str) { };
    boot.initrd.availableKernelModules = is (types.listOf types.str) [ ];
    boot.initrd.systemd.enable = is types.bool false;
    boot.initrd.systemd.initrdBin = is (types.listOf types.package) [ ];
    boot.initrd.systemd.services = anything;
    boot.loader = anything;
    fileSystems = anything;
    boot.kernelParams = is (types.listOf types.str) [ ];
    systemd.package = package "systemd";
    systemd.services = mkOption {
      default = { };
      type = types.attrsOf (
        types.submodule {
          freeformType = types.attrsOf types.anything;
          options.serviceConfig = is (types.attrsOf unitOption) { };
        }
      );
    };
    systemd.timers = anything;
    systemd.tmpfiles.rules = is (types.listOf types.str) [ ];
    networking.hostName = is types.str "nixos";
    networking.firewall.enable = is types.bool true;
    networking.firewall.allowedTCPPorts = is (types.listOf types.port) [ ];
    networking.interfaces = anything;
    networking.useDHCP = is types.bool false;
    nix.package = package "nix";
    nix.settings = anything;
    nix.nixPath = is (types.listOf types.str) [ "nixpkgs" ];
    nixpkgs.hostPlatform = is types.str "";
    programs.git.package = package "git";
    programs.ssh.package = package "openssh";
    security.tpm2.enable = is types.bool false;
    security.tpm2.tssGroup = is (types.nullOr types.str) "tss";
    services.nginx = anything;
    services.openssh = anything;
    services.qemuGuest.enable = is types.bool false;
    services.spice-vdagentd.enable = is types.bool false;
    services.xserver.xkb.layout = is types.str "";
    system.stateVersion = is types.str "";
    time.timeZone = is (types.nullOr types.str) null;
    i18n.defaultLocale = is types.str "en_US.UTF-8";
    console.keyMap = is types.str "";
    users.users = anything;
    users.groups = anything;
    # As NixOS: what an assertion refuses does not build.
    system.build.toplevel = mkOption {
      type = types.unspecified;
      readOnly = true;
      default =
        if failed == [ ] then
          "the system of ${config.networking.hostName}"
        else
          throw "Failed assertions:\n${lib.concatMapStringsSep "\n" (message: "- ${message}") failed}";
    };
  };
}
