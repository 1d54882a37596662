# A value of a configuration as JSON can show it: bounded, without store paths that would become dependencies.
let
  inherit (builtins)
    attrNames
    genList
    elemAt
    isAttrs
    isBool
    isFloat
    isFunction
    isInt
    isList
    isString
    length
    listToAttrs
    map
    stringLength
    substring
    typeOf
    unsafeDiscardStringContext
    ;

  # What a person reads of one value, and a report can carry.
  textMax = 300;
  entriesMax = 64;
  depthMax = 4;

  take = list: genList (elemAt list) (if length list < entriesMax then length list else entriesMax);
  cut = text: if stringLength text > textMax then "${substring 0 textMax text}…" else text;

  plain =
    depth: value:
    if value == null || isBool value || isInt value then
      value
    else if isString value then
      unsafeDiscardStringContext (cut value)
    else if isFloat value then
      # Signed documents have whole numbers only.
      toString value
    else if typeOf value == "path" then
      toString value
    else if isFunction value then
      "a function"
    else if depth == depthMax then
      "…"
    else if isList value then
      map (plain (depth + 1)) (take value)
    else if isAttrs value then
      if value ? outPath then
        plain depth value.name or "a package"
      else
        listToAttrs (
          map (name: {
            inherit name;
            value = plain (depth + 1) value.${name};
          }) (take (attrNames value))
        )
    else
      "a ${typeOf value}";
in
plain 0
