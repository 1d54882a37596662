# The text of a service as NixOS writes it, from the attributes that `systemd.services` takes, as far as
# modules/agent-units.nix uses them. Wanting it (`wantedBy`) is a link that whoever places the file makes.
{
  description,
  wants ? [ ],
  after ? [ ],
  before ? [ ],
  unitConfig ? { },
  serviceConfig,
  restartIfChanged ? true,
  stopIfChanged ? true,
  ...
}:
let
  inherit (builtins)
    attrNames
    concatStringsSep
    isBool
    isList
    map
    toString
    ;
  show = value: if isBool value then (if value then "true" else "false") else toString value;
  line = name: value: "${name}=${show value}\n";
  lines =
    settings:
    concatStringsSep "" (
      map (
        name:
        let
          value = settings.${name};
        in
        if isList value then concatStringsSep "" (map (line name) value) else line name value
      ) (attrNames settings)
    );
  ordering = name: units: if units == [ ] then "" else line name (concatStringsSep " " units);
in
''
  [Unit]
  Description=${description}
''
+ ordering "Wants" wants
+ ordering "After" after
+ ordering "Before" before
+ lines unitConfig
+ "\n[Service]\n"
+ lines serviceConfig
+ (if restartIfChanged then "" else line "X-RestartIfChanged" false)
+ (if stopIfChanged then "" else line "X-StopIfChanged" false)
