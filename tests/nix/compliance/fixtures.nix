# What the static projections say of the fixtures, all in one evaluation.
#
# fixtures/<control>.nix: rule → { options ? { }; good; pass ? { }; fail; }. `good` is a configuration on which the rule holds; each
# entry of `pass` and `fail` is what differs from it, by name, or a list of such: sets are merged, anything else replaces, null
# takes away.
# `_options` in it are options of the control.
#
#   report (import ../../../nix/compliance) → { control = { missing; unknown; rules; }; }
let
  inherit (builtins)
    attrNames
    filter
    foldl'
    isAttrs
    isList
    listToAttrs
    map
    mapAttrs
    pathExists
    removeAttrs
    ;

  merged =
    base: over:
    if isAttrs base && isAttrs over then
      base // mapAttrs (name: value: if base ? ${name} then merged base.${name} value else value) over
    else
      over;

  together = deltas: if isList deltas then foldl' merged { } deltas else deltas;

  fileOf = control: ./fixtures + "/${control}.nix";
in
rec {
  # Rule's fixtures → name → { expected; config; options; }.
  casesOf =
    {
      good,
      fail,
      pass ? { },
      options ? { },
    }:
    let
      case = expected: name: deltas: let
        delta = together deltas;
      in {
        # One name may stand in both.
        name = if expected then name else "not: ${name}";
        value = {
          inherit expected;
          config = merged (together good) (removeAttrs delta [ "_options" ]);
          options = options // (delta._options or { });
        };
      };
      casesIn = expected: deltas: map (name: case expected name deltas.${name}) (attrNames deltas);
    in
    listToAttrs ([ (case true "as it should be" { }) ] ++ casesIn true pass ++ casesIn false fail);

  fixturesOf = control: if pathExists (fileOf control) then import (fileOf control) else { };

  # Control → what its fixtures show: [ { control; rule; name; expected; passed; } ] that went wrong, and what is missing.
  report =
    compliance:
    let
      ofControl =
        control:
        let
          fixtures = fixturesOf control.controlId;
          evaluated = filter (rule: rule.evaluate != null) control.rules;
          ofRule =
            rule:
            let
              cases = casesOf fixtures.${rule.id};
              passed =
                name:
                (control.resultOf rule (
                  rule.evaluate {
                    inherit (cases.${name}) config;
                    options = control.defaults // cases.${name}.options;
                  }
                )).passed;
            in
            {
              fixtures = map (name: { inherit name; inherit (cases.${name}) expected; passed = passed name; }) (attrNames cases);
              failing = builtins.length (attrNames fixtures.${rule.id}.fail);
            };
          withFixtures = filter (rule: fixtures ? ${rule.id}) evaluated;
        in
        {
          missing = map (rule: rule.id) (filter (rule: !(fixtures ? ${rule.id})) evaluated);
          unknown = filter (id: !(builtins.any (rule: rule.id == id) evaluated)) (attrNames fixtures);
          rules = listToAttrs (
            map (rule: {
              name = rule.id;
              value = ofRule rule;
            }) withFixtures
          );
        };
    in
    mapAttrs (_: ofControl) compliance.byId;
}
