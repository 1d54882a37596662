# Whether a rule is active on a host, and if not, by what.
{ lib, schema }:
let
  inherit (builtins) any elem;
  rank =
    severity:
    let
      position = lib.lists.positionOf severity schema.severities;
    in
    if position == null then throw "compliance.governance.level: unknown level ${lib.show.brief severity}" else position;
in
{
  # { control, rule, governance, settings } → null if it is active, or
  # `control | override | level | hostType | architecture | tag`.
  #
  # `settings`: compliance.controls.<optionName>. `override`, forced off by hand, comes before what would have switched it off
  # anyway: somebody meant it, and it is non-compliant.
  inactiveVia =
    {
      rule,
      governance,
      settings,
    }:
    if !(settings.enable or false) then
      "control"
    else if !((settings.rules or { }).${rule.id} or { enable = true; }).enable then
      "override"
    else if rank rule.severity > rank governance.level then
      "level"
    else if rule.hostTypes != [ ] && !(elem governance.hostType rule.hostTypes) then
      "hostType"
    else if rule.architectures != [ ] && !(elem governance.architecture rule.architectures) then
      "architecture"
    else if any (tag: elem tag governance.excludes) rule.tags then
      "tag"
    else
      null;
}
