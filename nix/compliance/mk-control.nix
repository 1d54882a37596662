# A control as its file writes it → the control, checked, with its articles and its static projection.
#
#   control = { controlId; optionName; title; purpose; type; schema; articles; options; rules; evaluate; }
#   control.evaluate config → { passed; evidence; rules = [ { id; passed; expected; observed; optionPath; fix; } ]; }
#
# `evaluate` is null for runtime and attested controls. It is pure: time and whatever else only a release knows are read
# from config.compliance.release, which the caller sets.
{
  lib,
  types,
  schema,
  crosswalk,
}:
let
  inherit (builtins)
    all
    attrNames
    concatMap
    concatStringsSep
    filter
    foldl'
    head
    length
    listToAttrs
    map
    mapAttrs
    stringLength
    ;
  inherit (import ./expectation.nix) meets;
  activation = import ./activation.nix { inherit lib schema; };
  plain = import ./plain.nix;
  inherit (import ../fleet/check.nix { inherit lib types; }) check;
  inherit (import ../fleet/problems.nix { inherit lib; }) line;

  # Of a host on which nobody said anything.
  governanceDefaults = {
    enforceMode = "permissive";
    level = "standard";
    hostType = "server";
    architecture = "x86_64";
    excludes = [ ];
  };

  labelOf = entry: if entry.what == null then entry.option else "${entry.option}: ${entry.what}";

  # Label → value over some checks; two of one label are told apart by nothing, so the last one shows.
  byLabel =
    value: entries:
    listToAttrs (
      map (entry: {
        name = labelOf entry;
        value = plain (value entry);
      }) entries
    );

  # As much as a report carries of one rule.
  fixBytesMax = 4000;
  # Whole lines: a text cut within a character would be none.
  linesWithin =
    bytesMax:
    foldl' (
      text: line:
      let
        longer = if text == "" then line else "${text}\n${line}";
      in
      if stringLength longer <= bytesMax then longer else text
    ) "";

  # All that is wrong is shown; what is right too, if nothing is.
  resultOf =
    rule: checks:
    let
      failed = filter (entry: !(meets entry.expect entry.observed)) checks;
      shown = if failed == [ ] then checks else failed;
    in
    if checks == [ ] then
      throw "rule ${rule.id}: its static projection checks nothing"
    else
      {
        inherit (rule) id;
        passed = failed == [ ];
        expected = byLabel (entry: entry.expect) shown;
        observed = byLabel (entry: entry.observed) shown;
        optionPath = (head shown).option;
        fix = if failed == [ ] then "" else linesWithin fixBytesMax (lib.lists.distinct (map (entry: entry.fix) failed));
      };

  overridden =
    control: rule:
    let
      path = "compliance.controls.${control.optionName}.rules.${rule.id}.enable";
    in
    {
      inherit (rule) id;
      passed = false;
      expected.${path} = true;
      observed.${path} = false;
      optionPath = path;
      fix = "take ${path} = false out; an exception is a waiver";
    };

  mergeArticles =
    sets:
    let
      frameworks = lib.lists.distinct (concatMap attrNames sets);
    in
    lib.attrs.genAttrs frameworks (framework: crosswalk.sorted (concatMap (set: set.${framework} or [ ]) sets));
in
written:
let
  # Attested controls need not say it of each rule.
  completed =
    if (written.type or null) == "attested" && written ? rules then
      written // { rules = map (rule: { isAttested = true; } // rule) written.rules; }
    else
      written;
  checked = check {
    type = schema.control;
    path = "";
    value = completed;
  };
  control =
    if checked.problems == [ ] then
      checked.value
    else
      throw "control ${lib.show.brief (written.controlId or null)}:\n${concatStringsSep "\n" (map line checked.problems)}";

  # What the crosswalk says of the whole control holds for each of its rules.
  shared = crosswalk.articlesOf control.controlId;
  rules = map (rule: rule // { articles = mergeArticles [ shared rule.articles ]; }) control.rules;

  defaults = mapAttrs (_: option: option.default) control.options;
  optionsOf = config: defaults // lib.attrs.pick control.options (settingsOf config);
  settingsOf = config: ((config.compliance or { }).controls or { }).${control.optionName} or { };
  governanceOf =
    config: governanceDefaults // lib.attrs.pick governanceDefaults ((config.compliance or { }).governance or { });

  statuses =
    config:
    map (rule: {
      inherit rule;
      via = activation.inactiveVia {
        inherit rule;
        governance = governanceOf config;
        settings = settingsOf config;
      };
    }) rules;

  checksOf = rule: config: rule.evaluate { inherit config; options = optionsOf config; };

  evaluate =
    config:
    let
      every = statuses config;
      evaluated = filter ({ rule, via }: rule.evaluate != null && (via == null || via == "override")) every;
      results = map (
        { rule, via }: if via == "override" then overridden control rule else resultOf rule (checksOf rule config)
      ) evaluated;
    in
    {
      passed = all (result: result.passed) results;
      evidence = {
        inherit (governanceOf config) level hostType architecture;
        evaluated = length results;
        inactive = map ({ rule, via }: { inherit (rule) id; inherit via; }) (filter ({ via, ... }: via != null) every);
        # Active, and said by nothing of the configuration.
        notStatic = map ({ rule, ... }: rule.id) (filter ({ rule, via }: via == null && rule.evaluate == null) every);
      };
      rules = results;
    };
in
control
// {
  inherit
    rules
    defaults
    optionsOf
    settingsOf
    governanceOf
    statuses
    ;
  articles = mergeArticles (map (rule: rule.articles) rules);
  evaluate = if control.type == "runtime" || control.type == "attested" then null else evaluate;
  # For tests: the checks of one rule, whether it is active or not.
  inherit checksOf resultOf;
}
