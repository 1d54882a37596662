# A stand-in for what nixosSystem returns, with the controls of compliance and without a module system: `config` is a plain
# configuration, the defaults of `compliance` excepted. mkFleet extends it as it does a real one. For demonstrations and tests.
{
  config,
  # The whole configuration → its derivation; `etc` has the texts of what the controls add.
  toplevel,
  system ? builtins.currentSystem,
}:
let
  inherit (builtins) foldl' isAttrs isFunction mapAttrs;
  lib = import ../lib;
  compliance = import ../compliance;
  catalogue = import ../compliance/catalogue.nix { inherit lib compliance; };

  # The program of whoever collects: a stand-in has no package of it.
  probes = import ./build.nix {
    name = "nixfleet-probes";
    steps = ''
      mkdir -p "$out/bin"
      printf '#!/bin/sh\nexec nixfleet-probe "$@"\n' > "$out/bin/nixfleet-probe"
      chmod +x "$out/bin/nixfleet-probe"
    '';
    inherit system;
  };

  merged =
    under: over:
    if isAttrs under && isAttrs over then
      under // mapAttrs (name: value: if under ? ${name} then merged under.${name} value else value) over
    else
      over;

  off = {
    enable = false;
    mode = null;
  };
  defaults.compliance = {
    governance = {
      enforceMode = "permissive";
      level = "standard";
      hostType = "server";
      architecture = builtins.head (builtins.split "-" system);
      excludes = [ ];
    };
    frameworks = {
      nis2 = off // { entityType = "important"; };
      dora = off // {
        regime = "full";
        isMarketInfrastructure = false;
      };
      iso27001 = off // { certificationScope = "partial"; };
      anssi = off // {
        level = "intermediary";
        category = "server";
      };
    };
    controls = mapAttrs (_: control: control.defaults // { enable = false; }) compliance.byOptionName;
    evidence.collector = {
      enable = true;
      collectIntervalSeconds = 86400;
    };
    release = { };
  };

  # Of a module that mkFleet adds, what it defines.
  definedBy =
    module:
    removeAttrs (
      if isFunction module then
        module {
          lib = {
            mkDefault = value: value;
            mkOverride = _: value: value;
          };
        }
      else
        module
    ) [ "imports" "_file" ];

  systemOf =
    given:
    let
      whole = merged defaults given;
      text = catalogue.text (
        catalogue.document {
          config = whole;
          host = whole.networking.hostName;
          inherit system probes;
        }
      );
      etc = if given ? compliance then { "nixfleet/compliance.json".text = text; } else { };
      complete = merged whole {
        environment = { inherit etc; };
        compliance = {
          catalogue = text;
          report = release: catalogue.static {
            config = whole;
            inherit release;
          };
        };
      };
    in
    {
      config = complete // {
        system.build.toplevel = toplevel complete;
      };
      extendModules = { modules }: systemOf (foldl' (under: module: merged under (definedBy module)) given modules);
    };
in
systemOf config
