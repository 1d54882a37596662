# What a configuration would be with more of compliance enabled, as far as static rules read it: so that somebody knows before.
# Nothing but options of compliance changes; what implementations would set under `enforce` is not in it.
{ lib, compliance }:
let
  inherit (builtins) listToAttrs map mapAttrs;

  withControls =
    config: settingsOf: controls:
    config
    // {
      compliance = config.compliance // {
        controls =
          config.compliance.controls
          // listToAttrs (
            map (control: {
              name = control.optionName;
              value = control.settingsOf config // settingsOf control;
            }) controls
          );
      };
    };
in
{
  # Every control that is shown on the host, enabled: rules look at each other's.
  withAll = controls: config: withControls config (_: { enable = true; }) controls;

  # As ./module.nix does once `name` is enabled: its controls, and its values where the host says nothing. What a host says is a
  # value that is neither the option's default nor that of a framework which is enabled already.
  withFramework =
    {
      config,
      controls,
      enabled,
      name,
      parameters,
    }:
    let
      inherit (compliance.presets) merged;
      now = (merged enabled).controls;
      later = (merged (enabled // { ${name} = parameters; })).controls;
      settingsOf =
        control:
        let
          options = control.optionsOf config;
          isUnsaid = option: options.${option} == ((now.${control.optionName} or { }).${option} or { value = control.defaults.${option}; }).value;
          covers = control.articles ? ${name} || control.controlId == "evidence-integrity";
        in
        mapAttrs (option: wanted: if isUnsaid option then wanted.value else options.${option}) (
          later.${control.optionName} or { }
        )
        // (if covers then { enable = true; } else { });
    in
    withControls config settingsOf controls;
}
