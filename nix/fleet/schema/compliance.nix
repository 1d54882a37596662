# What is evaluated, and what a failing control does.
{ types, scalars }:
let
  modes = types.oneOf [
    "disabled"
    "permissive"
    "enforce"
  ];
  waiver = {
    type = types.nullOr (types.text {
      says = "the id of a waiver, such as W-2026-0001";
      pattern = "W-[0-9]{4}-[0-9]{4}";
      bytesMax = 11;
      fix = "write it with nixfleet compliance waiver new, have it approved, and name it as W-2026-0001";
    });
    default = null;
    description = "The waiver that allows a weaker mode than a wider scope asks for. Where the mode is not weaker it changes nothing.";
    example = ''"W-2026-0001"'';
  };
  refinement = types.record {
    title = "refinement of a compliance policy";
    options = {
      mode = {
        type = modes;
        description = "What a failure does there.";
        example = ''"enforce"'';
      };
      inherit waiver;
    };
  };
  parameter =
    values: description:
    {
      type = types.nullOr (types.oneOf values);
      default = null;
      inherit description;
      example = builtins.toJSON (builtins.head values);
    };
in
types.record {
  title = "compliance policy";
  rules = [
    {
      holds = value: value.mode == "disabled" || value.frameworks != [ ];
      rule = "a compliance gate without frameworks would pass everything";
      fix = ''name frameworks, or set mode = "disabled"'';
    }
  ];
  options = {
    mode = {
      type = modes;
      default = "disabled";
      description = "`enforce`: a failing control stops the release. `permissive`: it is reported.";
      example = ''"enforce"'';
    };
    frameworks = {
      type = types.listOf {
        of = types.text {
          says = "the name of a framework";
          bytesMax = 64;
          test = text: text != "";
        };
        max = 32;
        isSet = true;
      };
      default = [ ];
      description = "The frameworks whose controls are evaluated, of those under `complianceFrameworks`.";
      example = ''[ "nis2" "iso27001" ]'';
    };
    onDrift = {
      type = types.nullOr (types.oneOf [
        "report"
        "hold"
        "reactivate"
      ]);
      default = null;
      description = "What becomes of a host whose enforced controls passed and do not any more: it is told (null as well); nothing starts there while that lasts; or its closure is switched to once more and measured again.";
      example = ''"hold"'';
    };
    presets = {
      type = types.record {
        title = "parameters of frameworks";
        options = {
          nis2 = parameter [
            "essential"
            "important"
          ] "What the entity is by Article 3 of NIS2. Null: what the host's configuration says, or important.";
          dora = parameter [
            "full"
            "simplified"
            "critical-provider"
          ] "The regime under DORA. Null: what the host's configuration says, or full.";
          iso27001 = parameter [
            "full"
            "partial"
          ] "The scope of the certification. Null: what the host's configuration says, or partial.";
          anssi-bp028 = parameter [
            "minimal"
            "intermediary"
            "enhanced"
            "high"
          ] "The level of hardening. Null: what the host's configuration says, or intermediary.";
        };
      };
      default = { };
      description = "How strictly the frameworks apply.";
      example = ''{ nis2 = "essential"; }'';
    };
    frameworkModes = {
      type = types.attrsOf {
        name = scalars.nameOf "framework";
        of = refinement;
      };
      default = { };
      description = "Framework → its own mode, for the controls that it covers. Joined over the scopes, the narrower in place of the wider; of several frameworks of a control the strongest counts.";
      example = ''{ anssi-bp028.mode = "permissive"; }'';
    };
    controls = {
      type = types.attrsOf {
        name = scalars.nameOf "control";
        of = refinement;
      };
      default = { };
      description = "Control, such as `access-control`, → its own mode, whatever the frameworks say. Joined over the scopes, the narrower in place of the wider.";
      example = ''{ secure-boot = { mode = "permissive"; waiver = "W-2026-0001"; }; }'';
    };
    inherit waiver;
  };
}
