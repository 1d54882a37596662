# What a fleet says of compliance, as a module of one host: null if it says nothing. The signed fleet says it too, so it counts
# whatever the host's own configuration says.
{
  # The policy of the narrowest scope that has one.
  policy,
  # Whether that is a scope below the fleet.
  isDecided,
  # Name → { mode; }, of all scopes.
  controls,
  frameworkModes,
  # { failAt; until; hosts; }, or null where this host's channel has none.
  drill ? null,
  # What the fleet declares for this host.
  pubkeys,
  origin,
}:
let
  inherit (builtins)
    attrNames
    filter
    listToAttrs
    map
    ;
  compliance = import ./.;
  # Over plain definitions, below mkForce.
  priority = 75;

  # Framework → its name in options, and the option of its parameter.
  known = {
    nis2 = "nis2";
    dora = "dora";
    iso27001 = "iso27001";
    anssi-bp028 = "anssi";
  };
  frameworks = filter (name: known ? ${name}) policy.frameworks;
  saysSomething = policy.mode != "disabled" || isDecided || controls != { } || frameworkModes != { } || drill != null;
in
if !saysSomething then
  null
else
  { lib, ... }:
  let
    says = lib.mkOverride priority;
    framework = name: {
      name = known.${name};
      value = {
        enable = says true;
      }
      // (if frameworkModes ? ${name} then { mode = says frameworkModes.${name}.mode; } else { })
      // (
        let
          parameter = policy.presets.${name} or null;
        in
        if parameter == null then { } else { ${compliance.presets.parameterOf.${name}} = says parameter; }
      );
    };
    control = name: {
      name = compliance.byId.${name}.optionName;
      value.mode = says controls.${name}.mode;
    };
  in
  {
    _file = origin;
    imports = [ ./module.nix ];
    compliance = {
      governance.enforceMode = says policy.mode;
      evidence.collector.publicKeys = says pubkeys;
      frameworks = listToAttrs (map framework frameworks);
      controls =
        listToAttrs (map control (attrNames controls))
        // (if drill == null then { } else { syntheticAlwaysFail = builtins.mapAttrs (_: says) (drill // { enable = true; mode = "enforce"; }); });
    };
  }
