# Whether the fixtures notice when a rule is wrong.
#
#   ofExpectations compliance → [ { mutant; isCaught; } ]    every check of every rule, with another expectation
#   isCaught compliance control → bool                       a control that was changed in its text
let
  inherit (builtins)
    any
    attrNames
    concatMap
    elemAt
    filter
    foldl'
    genList
    isAttrs
    isBool
    isInt
    isList
    isString
    length
    listToAttrs
    map
    ;
  fixtures = import ./fixtures.nix;
  inherit (import ../../../nix/compliance/expectation.nix) meets;

  indexed = f: list: genList (i: f i (elemAt list i)) (length list);
  without = index: list: concatMap (i: if i == index then [ ] else [ (elemAt list i) ]) (genList (i: i) (length list));

  # Expectation → name → what it could wrongly be.
  altered =
    expect:
    if isBool expect then
      { "the opposite" = !expect; }
    else if isInt expect then
      {
        "one more" = expect + 1;
        "one less" = expect - 1;
      }
    else if isString expect then
      { "another text" = "${expect}x"; }
    else if isList expect then
      { "a longer list" = expect ++ [ "x" ]; }
    else if isAttrs expect && any (name: builtins.substring 0 1 name == "$") (attrNames expect) then
      foldl' (found: name: found // operations name expect) { } (attrNames expect)
    else
      { };
  operations =
    name: expect:
    let
      value = expect.${name};
      instead = other: removeAttrs expect [ name ] // other;
      shorter = listToAttrs (
        if isList value then
          indexed (index: _: {
            name = "${name} without its ${toString index}th";
            value = instead { ${name} = without index value; };
          }) value
        else
          [ ]
      );
    in
    {
      "$ge" = {
        "more than" = instead { "$ge" = value + 1; };
        "a lower bound" = instead { "$ge" = value - 1; };
        "at most" = instead { "$le" = value; };
        "no lower bound" = if length (attrNames expect) > 1 then instead { } else null;
      };
      "$le" = {
        "less than" = instead { "$le" = value - 1; };
        "a higher bound" = instead { "$le" = value + 1; };
        "at least" = instead { "$ge" = value; };
        "no upper bound" = if length (attrNames expect) > 1 then instead { } else null;
      };
      "$in" = shorter;
      "$subset" = shorter;
      "$absent" = { "present" = instead { "$absent" = !value; }; };
    }
    .${name};

  # How one check could be asked wrongly: name → (expected: observed: bool).
  askedWrongly = expect: {
    "never asked" = _: _: true;
    "asked the other way round" = expected: observed: !(meets expected observed);
  }
  // builtins.mapAttrs (name: _: expected: observed: meets ((altered expected).${name} or expected) observed) (
    builtins.listToAttrs (filter (entry: entry.value != null) (map (name: { inherit name; value = (altered expect).${name}; }) (attrNames (altered expect))))
  );

  casesOf =
    control: rule:
    let
      cases = fixtures.casesOf (fixtures.fixturesOf control.controlId).${rule.id};
    in
    map (
      name:
      cases.${name}
      // {
        inherit name;
        checks = rule.evaluate {
          inherit (cases.${name}) config;
          options = control.defaults // cases.${name}.options;
        };
      }
    ) (attrNames cases);

  passes = checks: builtins.all (check: meets check.expect check.observed) checks;

  # Of each label the first check in any fixture, so that checks which only some fixtures have are altered too.
  labelOf = check: "${check.option}: ${toString check.what}";
  ofRule =
    control: rule:
    let
      cases = casesOf control rule;
      labelled = listToAttrs (
        map (check: {
          name = labelOf check;
          value = check;
        }) (filter (check: !(check.isNote or false)) (concatMap (case: case.checks) cases))
      );
    in
    concatMap (
      label:
      let
        ways = askedWrongly labelled.${label}.expect;
      in
      map (way: {
        mutant = "${rule.id}, ${label}: ${way}";
        isCaught = any (
          case:
          builtins.all (
            check: if labelOf check == label then ways.${way} check.expect check.observed else meets check.expect check.observed
          ) case.checks != case.expected
        ) cases;
      }) (attrNames ways)
    ) (attrNames labelled);

  evaluated = control: filter (rule: rule.evaluate != null) control.rules;
in
{
  ofExpectations = compliance: concatMap (control: concatMap (ofRule control) (evaluated control)) compliance.controls;

  isCaught = control: any (rule: any (case: passes case.checks != case.expected) (casesOf control rule)) (evaluated control);
}
