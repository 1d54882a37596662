# What rules say would mend the negative fixtures, and what becomes of them once it is written.
#
#   fixes compliance → [ { control; rule; name; optionPath; fix; } ]
#   passes compliance { control; rule; name; lines = { … }; } → bool
let
  inherit (builtins)
    attrNames
    concatMap
    filter
    isAttrs
    isList
    isString
    map
    mapAttrs
    match
    ;
  fixtures = import ./fixtures.nix;

  casesOf = control: rule: fixtures.casesOf (fixtures.fixturesOf control.controlId).${rule.id};

  resultOf =
    control: rule: { config, options }:
    control.resultOf rule (
      rule.evaluate {
        inherit config;
        options = control.defaults // options;
      }
    );

  # As NixOS puts a module beside others, where those give way: lists and lines are added.
  joined =
    base: over:
    if isAttrs base && isAttrs over then
      base // mapAttrs (name: value: if base ? ${name} then joined base.${name} value else value) over
    else if isList base && isList over then
      base ++ over
    else if isString base && isString over && match "(.*\n)+" over != null then
      "${base}\n${over}"
    else
      over;
in
{
  fixes =
    compliance:
    concatMap (
      control:
      concatMap (
        rule:
        let
          cases = casesOf control rule;
        in
        map (name: {
          control = control.controlId;
          rule = rule.id;
          inherit name;
          inherit (resultOf control rule { inherit (cases.${name}) config options; }) optionPath fix;
        }) (filter (name: !cases.${name}.expected) (attrNames cases))
      ) (filter (rule: rule.evaluate != null) control.rules)
    ) compliance.controls;

  passes =
    compliance:
    {
      control,
      rule,
      name,
      lines,
    }:
    let
      found = compliance.byId.${control};
      case = (casesOf found { id = rule; }).${name};
    in
    (resultOf found (builtins.head (filter (other: other.id == rule) found.rules)) {
      config = joined case.config lines;
      # The fixture has them apart.
      options = case.options // (((lines.compliance or { }).controls or { }).${found.optionName} or { });
    }).passed;
}
