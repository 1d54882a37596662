# Values as text.
{ lists }:
let
  inherit (builtins)
    attrNames
    concatStringsSep
    isAttrs
    isBool
    isFunction
    isList
    isString
    length
    match
    map
    replaceStrings
    stringLength
    substring
    toString
    typeOf
    ;

  # Characters of a string and names of an attribute set that a message shows.
  charactersMax = 100;
  namesMax = 6;

  quote =
    text:
    let
      escaped = replaceStrings [ "\\" "\"" "\${" "\n" "\r" "\t" ] [ "\\\\" "\\\"" "\\\${" "\\n" "\\r" "\\t" ] text;
    in
    "\"${builtins.unsafeDiscardStringContext escaped}\"";

  isIdentifier = name: match "[a-zA-Z_][a-zA-Z0-9_'-]*" name != null;
  attrName = name: if isIdentifier name then name else quote name;
in
rec {
  inherit quote attrName;

  # For a message: bounded, and forcing nothing inside, since a host's configuration may be in there.
  brief =
    value:
    if isString value then
      if stringLength value > charactersMax then "${quote (substring 0 charactersMax value)}…" else quote value
    else if isAttrs value then
      let
        names = attrNames value;
        more = if length names > namesMax then [ "…" ] else [ ];
      in
      if names == [ ] then "{ }" else "{ ${concatStringsSep ", " (map attrName (lists.take namesMax names) ++ more)} }"
    else if isList value then
      if value == [ ] then "[ ]" else "a list of ${toString (length value)}"
    else if isFunction value then
      "a function"
    else if typeOf value == "path" then
      "a path"
    else
      toNix value;

  # As Nix source, in full: for the defaults in the reference.
  toNix =
    value:
    if isString value then
      quote value
    else if value == null then
      "null"
    else if isBool value then
      (if value then "true" else "false")
    else if isList value then
      if value == [ ] then "[ ]" else "[ ${concatStringsSep " " (map toNix value)} ]"
    else if isAttrs value then
      if value == { } then
        "{ }"
      else
        "{ ${concatStringsSep " " (map (name: "${attrName name} = ${toNix value.${name}};") (attrNames value))} }"
    else
      toString value;
}
