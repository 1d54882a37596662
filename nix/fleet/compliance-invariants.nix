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

  # A weaker mode than a wider scope asks for rests on a waiver.
  weakened =
    { fleet, ... }:
    let
      rank = mode: scopes.modeRank.${mode};
      # Steps from the widest scope to the narrowest, as { path; mode; waiver; }, from the mode that they start with.
      unwaived =
        start: steps:
        (foldl'
          (
            { mode, found }:
            step:
            {
              inherit (step) mode;
              found =
                found
                ++ (if rank step.mode < rank mode && step.waiver == null then [ { inherit (step) path mode; wider = mode; } ] else [ ]);
            }
          )
          {
            mode = start;
            found = [ ];
          }
          steps
        ).found;
      ofHost =
        name: host:
        unwaived "disabled" (
          map ({ path, policy }: { path = "${path}.mode"; inherit (policy) mode waiver; }) (scopes.policiesOf fleet name host)
        )
        ++ concatMap (
          kind:
          let
            refinements = scopes.refinementsOf kind fleet name host;
          in
          concatMap (
            refined:
            unwaived (scopes.complianceOf fleet host).mode (filter (refinement: refinement.name == refined) refinements)
          ) (lib.lists.distinct (map (refinement: refinement.name) refinements))
        ) [
          "controls"
          "frameworkModes"
        ];
      found = concatMap (name: ofHost name fleet.hosts.${name}) (attrNames fleet.hosts);
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
in
{
  problems = context: weakened context ++ knownControls context;
}
