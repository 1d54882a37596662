# What compliance policies of several scopes say together.
{ lib, scopes }:
let
  inherit (builtins)
    attrNames
    concatMap
    elem
    filter
    foldl'
    groupBy
    head
    map
    ;
  inherit (lib.show) quote;

  rank = mode: scopes.modeRank.${mode};

  # Where a narrower scope asks for a weaker mode than the one before it, of steps from the widest scope to the narrowest, as
  # { path; mode; waiver; }, from the mode that they start with.
  weakerSteps =
    start: steps:
    (foldl'
      (
        { mode, found }:
        step:
        {
          inherit (step) mode;
          found = found ++ (if rank step.mode < rank mode then [ { inherit (step) path mode waiver; wider = mode; } ] else [ ]);
        }
      )
      {
        mode = start;
        found = [ ];
      }
      steps
    ).found;

  # Every weaker mode that counts for a host, as { path; mode; wider; waiver; control; }; control is null where it is more than one.
  weakenedOf =
    fleet: name: host:
    map (step: step // { control = null; }) (
      weakerSteps "disabled" (
        map ({ path, policy }: { path = "${path}.mode"; inherit (policy) mode waiver; }) (scopes.policiesOf fleet name host)
      )
    )
    ++ concatMap (
      kind:
      let
        refinements = scopes.refinementsOf kind fleet name host;
      in
      concatMap (
        refined:
        map (step: step // { control = if kind == "controls" then refined else null; }) (
          weakerSteps (scopes.complianceOf fleet host).mode (filter (refinement: refinement.name == refined) refinements)
        )
      ) (lib.lists.distinct (map (refinement: refinement.name) refinements))
    ) [
      "controls"
      "frameworkModes"
    ];

  # A weaker mode than a wider scope asks for rests on a waiver. Whether that counts, a release sees.
  weakened =
    { fleet, ... }:
    let
      found = filter (step: step.waiver == null) (concatMap (name: weakenedOf fleet name fleet.hosts.${name}) (attrNames fleet.hosts));
      # Hosts of one channel say the same; each place is told once.
      byPath = groupBy (problem: problem.path) found;
    in
    map (
      path:
      let
        problem = head byPath.${path};
      in
      {
        inherit path;
        value = problem.mode;
        rule = "a mode weaker than that of a wider scope, \"${problem.wider}\", needs a waiver";
        fix = "name the waiver beside it, or take the mode out";
      }
    ) (attrNames byPath);

  # A control that does not exist would be refined for nothing.
  knownControls =
    { fleet, ... }:
    let
      known = map (control: control.controlId) (import ../compliance).controls;
      ofScope = path: scope: if (scope.compliance or null) == null then [ ] else map (name: { inherit path name; }) (attrNames scope.compliance.controls);
      within =
        collection: concatMap (name: ofScope "${collection}.${name}." fleet.${collection}.${name}) (attrNames fleet.${collection});
      uses = ofScope "" fleet ++ within "channels" ++ within "tags" ++ within "hosts";
    in
    concatMap (
      { path, name }:
      if elem name known then
        [ ]
      else
        let
          near = lib.nearest.nearest name known;
        in
        [
          {
            path = "${path}compliance.controls.${name}";
            value = name;
            rule = "expected a control of the catalogue";
            fix = if near == null then "take it from docs/compliance/controls.md" else "did you mean ${quote near}?";
          }
        ]
    ) uses;

  # What nobody enforces stops nothing, and then a drill shows nothing.
  drilled =
    { fleet, ... }:
    let
      problem = rule: fix: [
        {
          path = "drill.hosts";
          value = fleet.drill.hosts;
          inherit rule fix;
        }
      ];
      unknown = filter (name: !(fleet.hosts ? ${name})) fleet.drill.hosts;
      channels = lib.lists.distinct (map (name: fleet.hosts.${name}.channel) fleet.drill.hosts);
      lenient = filter (name: (scopes.complianceOf fleet fleet.hosts.${name}).mode != "enforce") fleet.drill.hosts;
    in
    if fleet.drill == null then
      [ ]
    else if unknown != [ ] then
      problem "expected hosts of the fleet; ${head unknown} is none" "correct the name"
    else if builtins.length channels != 1 then
      problem "a drill is of one channel; these are of ${builtins.concatStringsSep ", " channels}" "drill one channel after the other"
    else if lenient != [ ] then
      problem ''a drill shows what an enforced control does; the mode of ${head lenient} is "${
        (scopes.complianceOf fleet fleet.hosts.${head lenient}).mode
      }"'' ''set compliance.mode = "enforce" there first, or name another host''
    else
      [ ];
in
{
  inherit weakenedOf;

  problems = context: weakened context ++ knownControls context ++ drilled context;
}
