# Checks a value against a type of types.nix, fills in the defaults and collects every problem.
#
#   check { type, path, value } → { usable, value, problems }
#
# A problem is { path, rule, fix, value | isMissing }. An unusable value is left out of the set or list around it, so
# that whoever reads the result afterwards meets only what its type says.
{ lib, types }:
let
  inherit (builtins)
    all
    attrNames
    attrValues
    concatLists
    concatMap
    concatStringsSep
    elem
    filter
    isAttrs
    isBool
    isFunction
    isInt
    isList
    isString
    length
    listToAttrs
    map
    mapAttrs
    match
    removeAttrs
    stringLength
    ;
  inherit (lib.show) attrName toNix;
  inherit (lib.lists) duplicates indexedMap;

  member = path: name: if path == "" then attrName name else "${path}.${attrName name}";
  element = path: index: "${path}[${toString index}]";

  good = value: {
    usable = true;
    inherit value;
    problems = [ ];
  };
  bad = problem: {
    usable = false;
    problems = [ problem ];
  };

  # Each walker: type → hint → path → value → result. The first two are known before any value is, so what depends on
  # them alone is computed once for all hosts.
  walkers = {
    anything =
      _: _: _: value:
      good value;

    bool =
      type: hint: path: value:
      if isBool value then good value else expected type hint path value;

    int =
      type: hint: path: value:
      if isInt value && value >= type.min && (type.max == null || value <= type.max) then
        good value
      else
        expected type hint path value;

    oneOf =
      type: hint: path: value:
      if elem value type.values then
        good value
      else
        let
          near = if isString value then lib.nearest.nearest value (filter isString type.values) else null;
        in
        expected type (if near == null then hint else "did you mean ${toNix near}?") path value;

    text =
      type: hint: path: value:
      if
        isString value
        && stringLength value <= type.bytesMax
        && (type.pattern == null || match type.pattern value != null)
        && (type.test == null || type.test value)
      then
        good value
      else
        expected type (
          if type.fix == null then
            hint
          else if isFunction type.fix then
            type.fix value
          else
            type.fix
        ) path value;

    nullOr =
      type: hint:
      let
        inner = walker type.of hint;
      in
      path: value: if value == null then good null else inner path value;

    listOf =
      type: hint:
      let
        inner = walker type.of hint;
      in
      path: value:
      if !isList value || length value < type.min || length value > type.max then
        expected type hint path value
      else
        let
          results = indexedMap (index: inner (element path index)) value;
          values = map (result: result.value) (filter (result: result.usable) results);
          repeated = if type.isSet then duplicates (filter isString values) else [ ];
        in
        {
          usable = true;
          value = values;
          problems =
            concatMap (result: result.problems) results
            ++ map (name: {
              inherit path;
              value = name;
              rule = "each entry stands once";
              fix = "remove the other ${toNix name}";
            }) repeated;
        };

    attrsOf =
      type: hint:
      let
        inner = walker type.of hint;
        checkName = walker type.name hint;
      in
      path: value:
      if !isAttrs value then
        expected type hint path value
      else
        let
          names = attrNames value;
          results = mapAttrs (name: inner (member path name)) value;
          usable = filter (name: results.${name}.usable) names;
        in
        {
          usable = true;
          value = if length usable == length names then mapAttrs (_: result: result.value) results else pickValues usable results;
          problems = concatMap (name: (checkName (member path name) name).problems) names ++ problemsOf results;
        };

    record =
      type: _:
      let
        known = attrNames type.options;
        options = mapAttrs (optionWalker type) type.options;
      in
      path: value:
      if !isAttrs value then
        expected type "give an attribute set of its options, ${concatStringsSep ", " known}" path value
      else
        let
          results = mapAttrs (name: option: option (member path name) value) options;
          usable = all (result: result.usable) (attrValues results);
          checked = mapAttrs (_: result: result.value) results;
          unknown = attrNames (removeAttrs value known);
        in
        {
          inherit usable;
          value = checked;
          # For the outermost record, of which what is right is looked at even if something else is missing.
          partial = pickValues (filter (name: results.${name}.usable) (attrNames results)) results;
          problems =
            map (unknownOption type known path value) unknown
            ++ problemsOf results
            ++ brokenRules type path value results checked;
        };

    variants =
      type: hint:
      let
        tags = attrNames type.variants;
        tagOption = {
          type = types.oneOf tags;
          description = type.tagDescription;
        };
        checkTag = optionWalker type type.tag tagOption;
        # The tag comes first: without it nothing is known of the other options.
        walkersByTag = mapAttrs (
          variantName: variant:
          walker {
            kind = "record";
            says = "${type.says} of ${type.tag} ${variantName}";
            rules = variant.rules or [ ];
            options = variant.options // {
              ${type.tag} = tagOption;
            };
          } hint
        ) type.variants;
      in
      path: value:
      if !isAttrs value then
        expected type hint path value
      else
        let
          tagResult = checkTag (member path type.tag) value;
        in
        if tagResult.usable then walkersByTag.${tagResult.value} path value else tagResult;
  };

  walker = type: hint: walkers.${type.kind} type hint;

  optionWalker =
    _: name: option:
    let
      hint = if option ? example then "for example ${name} = ${option.example};" else "give ${option.type.says}";
      inner = walker option.type hint;
      # A default is checked like a value, so that nested defaults are filled in, and so that none can be wrong.
      byDefault = inner "(default of ${name})" option.default;
    in
    path: parent:
    if parent ? ${name} then
      let
        result = inner path parent.${name};
      in
      if !result.usable && option ? default && byDefault.usable then byDefault // { inherit (result) problems; } else result
    else if option ? default then
      byDefault
    else
      bad {
        inherit path;
        isMissing = true;
        rule = "required: ${option.type.says}";
        fix = hint;
      };

  expected =
    type: hint: path: value:
    bad {
      inherit path value;
      rule = "expected ${type.says}";
      fix = hint;
    };

  unknownOption =
    type: known: path: value: name:
    let
      near = lib.nearest.nearest name known;
      list = concatStringsSep ", " known;
    in
    {
      path = member path name;
      value = value.${name};
      rule = "unknown option of ${type.says}";
      fix = if near == null then "remove it; known are ${list}" else "did you mean ${attrName near}?";
    };

  brokenRules =
    type: path: value: results: checked:
    let
      isSound = name: results.${name}.problems == [ ];
      applies = rule: all isSound (rule.reads or (attrNames results));
    in
    map (broken: {
      inherit path value;
      inherit (broken) rule fix;
    }) (filter (rule: applies rule && !rule.holds checked) type.rules);

  problemsOf = results: concatLists (map (result: result.problems) (attrValues results));

  pickValues =
    names: results:
    listToAttrs (
      map (name: {
        inherit name;
        inherit (results.${name}) value;
      }) names
    );
in
{
  inherit member element;

  check =
    {
      type,
      path,
      value,
    }:
    walker type "" path value;
}
