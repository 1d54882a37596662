# The file of a unit from what `systemd.services`, `.sockets` and so on of NixOS take, as far as test machines need it.
{
  description ? "",
  wantedBy ? [ ],
  wants ? [ ],
  requires ? [ ],
  after ? [ ],
  before ? [ ],
  unitConfig ? { },
  serviceConfig ? { },
  socketConfig ? { },
  timerConfig ? { },
  environment ? { },
  restartIfChanged ? true,
  stopIfChanged ? true,
  # Values on which the unit depends: other ones make another file, hence a restart.
  restartTriggers ? [ ],
  ...
}:
let
  inherit (builtins)
    attrNames
    concatMap
    concatStringsSep
    isBool
    isList
    toString
    ;

  value = v: if isBool v then (if v then "true" else "false") else toString v;
  # A list is one line for each, as NixOS writes it.
  lines =
    settings:
    concatMap (
      key: map (v: "${key}=${value v}") (if isList settings.${key} then settings.${key} else [ settings.${key} ])
    ) (attrNames settings);
  section =
    title: content: if content == [ ] then "" else "[${title}]\n${concatStringsSep "\n" content}\n\n";
  listed = key: units: if units == [ ] then [ ] else [ "${key}=${toString units}" ];
  triggers =
    if restartTriggers == [ ] then [ ] else [ "X-Restart-Triggers=${toString restartTriggers}" ];
in
section "Unit" (
  [ "Description=${description}" ]
  ++ listed "Wants" wants
  ++ listed "Requires" requires
  ++ listed "After" after
  ++ listed "Before" before
  ++ lines unitConfig
  ++ triggers
)
+ section "Service" (
  lines serviceConfig
  ++ map (key: "Environment=\"${key}=${environment.${key}}\"") (attrNames environment)
  ++ (if restartIfChanged then [ ] else [ "X-RestartIfChanged=false" ])
  ++ (if stopIfChanged then [ ] else [ "X-StopIfChanged=false" ])
)
+ section "Socket" (lines socketConfig)
+ section "Timer" (lines timerConfig)
