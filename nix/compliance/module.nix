# Compliance on a NixOS host, with or without the rest of NixFleet: frameworks and controls as options, implementations where a
# control is enforced, and `etc/nixfleet/compliance.json` with the collector.
{
  config,
  lib,
  options,
  pkgs,
  ...
}:
let
  inherit (lib)
    mkDefault
    mkIf
    mkMerge
    mkOption
    types
    ;
  compliance = import ./.;
  own = import ../lib;
  catalogue = import ./catalogue.nix {
    lib = own;
    inherit compliance;
  };
  optionType = import ./option-type.nix { inherit lib; };
  implementation = import ./implementation.nix { inherit lib options; };
  cfg = config.compliance;

  modeWords = [
    "disabled"
    "permissive"
    "observe"
    "report"
    "enforce"
  ];

  controlOptions = control: {
    options =
      lib.mapAttrs (_: optionType.toOption) control.options
      // {
        enable = mkOption {
          type = types.bool;
          default = false;
          description = "Whether it is evaluated: ${control.purpose}";
        };
        mode = mkOption {
          type = types.nullOr (types.enum modeWords);
          default = null;
          description = "What a failure does, in place of what governance and frameworks say.";
        };
        rules = lib.genAttrs (map (rule: rule.id) control.rules) (id: {
          enable = mkOption {
            type = types.bool;
            default = true;
            description = "False forces the rule off, which is non-compliant. An exception is a waiver.";
          };
        });
      };
  };

  # Of the frameworks that are enabled, the strictest of each value, and who asked for it.
  chosen = catalogue.chosen config;
  asked = compliance.presets.merged chosen;
  covers = control: lib.any (name: control.articles ? ${name}) (lib.attrNames chosen) || (chosen != { } && control.controlId == "evidence-integrity");
  covered = lib.filter covers compliance.controls;

  enabled = lib.filter (control: cfg.controls.${control.optionName}.enable) compliance.controls;
  isEnforced = control: catalogue.modeOf config control == "enforce";

  system = pkgs.stdenv.hostPlatform.system or config.nixpkgs.hostPlatform.system or config.nixpkgs.hostPlatform;
  document = catalogue.document {
    inherit config system;
    host = config.networking.hostName;
    probes = config.nixfleet.package;
  };

  # Every option that asks for less than a framework does, in words.
  weaker = lib.concatMap (
    control:
    let
      values = cfg.controls.${control.optionName};
      wanted = asked.controls.${control.optionName} or { };
    in
    lib.concatMap (
      name:
      lib.optional (compliance.presets.direction.isWeaker control.options.${name} values.${name} wanted.${name}.value) (
        "compliance.controls.${control.optionName}.${name} = ${own.show.toNix values.${name}} asks for less than "
        + "${wanted.${name}.framework} does, which is ${own.show.toNix wanted.${name}.value}"
      )
    ) (lib.attrNames wanted)
    ++ lib.optional (!values.enable && covers control) (
      "compliance.controls.${control.optionName}.enable = false, and ${
        lib.concatStringsSep ", " (lib.filter (name: control.articles ? ${name}) (lib.attrNames chosen))
      } asks for it"
    )
  ) covered
  ++ lib.optional (
    asked.level != null && compliance.presets.direction.isWeaker compliance.presets.levelOption cfg.governance.level asked.level.value
  ) "compliance.governance.level = \"${cfg.governance.level}\" is below what ${asked.level.framework} asks for, \"${asked.level.value}\"";

  fragments = lib.concatMap (
    control:
    lib.concatMap (
      { rule, via }:
      map (
        fragment:
        mkIf (via == null && isEnforced control) (implementation (fragment {
          inherit config;
          options = control.optionsOf config;
        }))
      ) rule.implementations
    ) (control.statuses config)
  ) compliance.controls;
in
{
  imports = [
    ./module/options.nix
    ./module/collector.nix
    ../modules/package.nix
    ../modules/persistence.nix
  ];

  options.compliance = {
    controls = lib.listToAttrs (
      map (control: {
        name = control.optionName;
        value = mkOption {
          type = types.submodule (controlOptions control);
          default = { };
          description = control.purpose;
        };
      }) compliance.controls
    );

    origins = mkOption {
      type = types.attrsOf types.str;
      readOnly = true;
      description = "Option → the framework that its value is from.";
    };

    evidence.probes = mkOption {
      type = types.attrsOf types.anything;
      readOnly = true;
      description = "Enabled controls, with what the configuration says of them: `{ control, articles, type, staticEvidence }`.";
    };

    catalogue = mkOption {
      type = types.str;
      readOnly = true;
      description = "The text of `etc/nixfleet/compliance.json`.";
    };

    report = mkOption {
      type = types.functionTo (types.listOf types.anything);
      readOnly = true;
      description = "What only a release knows → the result of every static rule.";
    };
  };

  config = mkMerge (
    [
      {
        compliance = {
          governance = {
            level = mkIf (asked.level != null) (mkDefault asked.level.value);
            architecture = mkDefault (builtins.head (builtins.split "-" system));
            hostType = mkIf (cfg.frameworks.anssi.enable && cfg.frameworks.anssi.category == "client") (mkDefault "workstation");
          };
          controls = lib.listToAttrs (
            map (control: {
              name = control.optionName;
              value =
                lib.mapAttrs (_: wanted: mkDefault wanted.value) (asked.controls.${control.optionName} or { })
                // {
                  enable = mkIf (covers control) (mkDefault true);
                };
            }) compliance.controls
          );
          evidence.collector = {
            enable = mkDefault (enabled != [ ]);
            # The one that the fleet declares: evidence by another is refused everywhere.
            key = mkIf (config.services.nixfleet-agent.enable or false) (mkDefault config.services.nixfleet-agent.key);
            collectIntervalSeconds = mkIf (asked.collectIntervalSeconds != null) (mkDefault asked.collectIntervalSeconds.value);
            interval = mkIf (cfg.evidence.collector.collectIntervalSeconds <= 3600) (mkDefault "hourly");
          };

          origins =
            lib.listToAttrs (
              lib.concatMap (
                control:
                lib.mapAttrsToList (name: wanted: {
                  name = "compliance.controls.${control}.${name}";
                  value = wanted.framework;
                }) asked.controls.${control}
              ) (lib.attrNames asked.controls)
            )
            // lib.optionalAttrs (asked.level != null) { "compliance.governance.level" = asked.level.framework; };
          evidence.probes = lib.listToAttrs (
            map (control: {
              name = control.controlId;
              value = {
                control = control.controlId;
                inherit (control) articles type;
                staticEvidence = if control.evaluate == null then null else control.evaluate config;
              };
            }) enabled
          );
          catalogue = catalogue.text document;
          report = release: catalogue.static { inherit config release; };
        };
      }
      (mkIf (enabled != [ ]) {
        environment.etc."nixfleet/compliance.json".text = cfg.catalogue;
        warnings = lib.optionals (!lib.any isEnforced enabled) weaker;
        assertions =
          [
            {
              # Without a collector nothing would ever be confirmed, or everything.
              assertion = cfg.evidence.collector.enable || !lib.any isEnforced enabled;
              message = "compliance: controls are enforced, and nothing collects evidence: set compliance.evidence.collector.enable = true.";
            }
            {
              assertion =
                !(
                  cfg.controls.syntheticAlwaysFail.enable
                  && config.services.nixfleet-control-plane.enable or false
                  && lib.elem config.networking.hostName cfg.controls.syntheticAlwaysFail.hosts
                );
              message = "compliance: ${config.networking.hostName} serves the control plane and is among the hosts of the drill: take it out of compliance.controls.syntheticAlwaysFail.hosts.";
            }
            {
              assertion =
                !(cfg.controls.networkSegmentation.enable && config.services.nixfleet-agent.enable or false)
                || cfg.controls.agentEgressExemption.enable;
              message = "compliance: networkSegmentation locks the firewall of a host with an agent: set compliance.controls.agentEgressExemption.enable = true and its endpoint.";
            }
          ]
          ++ lib.optionals (lib.any isEnforced enabled) (
            map (line: {
              assertion = false;
              message = "${line}: take it out, or leave the value and add a waiver for the rule.";
            }) weaker
          );
      })
    ]
    ++ fragments
  );
}
