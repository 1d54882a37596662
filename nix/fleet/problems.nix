# Problems → one message. A problem is { path, rule, fix, value | isMissing, origin? }; `origin`: the file it is in, where
# there are several.
{ lib }:
let
  inherit (builtins)
    concatStringsSep
    isString
    length
    map
    toString
    ;

  # More than a person reads; the count is always right.
  shownMax = 50;

  line =
    problem:
    let
      what = if problem.isMissing or false then "is missing" else "= ${lib.show.brief problem.value}";
    in
    "  ${if problem.path == "" then "the fleet" else problem.path} ${what}\n${where problem}    rule: ${problem.rule}\n    fix:  ${problem.fix}";

  where = { origin ? null, ... }: if origin == null then "" else "    in:   ${origin}\n";
in
{
  # One problem as three lines.
  inherit line;

  # Fleet's name (as given, possibly wrong itself) → problems → text.
  message =
    name: problems:
    let
      count = length problems;
      noun = if count == 1 then "1 problem" else "${toString count} problems";
      shown = map line (lib.lists.take shownMax problems);
      rest = if count > shownMax then [ "  … and ${toString (count - shownMax)} more" ] else [ ];
    in
    "mkFleet: ${noun}${if isString name then " in fleet ${lib.show.brief name}" else ""}\n${concatStringsSep "\n" (shown ++ rest)}";
}
