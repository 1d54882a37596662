# A fleet in several files: what is imported, with where it stands, and one set of options out of all of it.
#
#   gather value → { parts = [ { origin, options } ]; problems; }      merge parts → { options, problems, originOf }
#
# `arguments` is what functions are called with; `schema` says how an option merges: what is by name is joined and no name
# may stand twice, lists are put one after the other, anything else is said once.
{
  lib,
  schema,
  arguments,
}:
let
  inherit (builtins)
    all
    attrNames
    baseNameOf
    concatLists
    concatMap
    elemAt
    filter
    foldl'
    functionArgs
    head
    intersectAttrs
    isAttrs
    isFunction
    isList
    isString
    length
    map
    mapAttrs
    match
    removeAttrs
    tail
    toString
    typeOf
    unsafeDiscardStringContext
    zipAttrsWith
    ;
  inherit (lib.lists) indexedMap;
  inherit (lib.show) attrName;

  # A file that imports itself would never end.
  depthMax = 16;

  # A path, or a string that is one: "${self}/hosts.nix" of a flake.
  isFile = value: typeOf value == "path" || (isString value && match "/.*" value != null);

  called =
    value:
    if !isFunction value then
      value
    else if functionArgs value == { } then
      value arguments
    else
      value (intersectAttrs (functionArgs value) arguments);

  # `path` says which import of which it is; "" for the outermost.
  gatherAt =
    { path, depth }:
    value:
    let
      options = called (if isFile value then import value else value);
      file = if isFile value then unsafeDiscardStringContext (baseNameOf (toString value)) else null;
      origin =
        if path == "" then
          (if file == null then "the fleet itself" else file)
        else if file == null then
          path
        else
          "${file} (${path})";
      imports = options.imports or [ ];
      results = indexedMap (
        index:
        gatherAt {
          path = "${if path == "" then "" else "${path}."}imports[${toString index}]";
          depth = depth + 1;
        }
      ) imports;
      wrong = rule: fix: {
        parts = [ ];
        problems = [ { inherit path value rule fix; } ];
      };
    in
    if depth > depthMax then
      wrong "imports nest at most ${toString depthMax} deep" "does a file import itself?"
    else if path != "" && !isAttrs options then
      wrong "expected options of the fleet, a function that returns some, or a file with either" "write { hosts = { … }; }, or { lib, fleet }: { … }"
    # Not a list: the check of the options says so.
    else if !isAttrs options || !isList imports then
      {
        parts = [ { inherit origin options; } ];
        problems = [ ];
      }
    else
      {
        parts = [
          {
            inherit origin;
            options = removeAttrs options [ "imports" ];
          }
        ]
        ++ concatMap (result: result.parts) results;
        problems = concatMap (result: result.problems) results;
      };

  kindOf = name: (schema.options.${name} or { type.kind = "unknown"; }).type.kind;

  # Definitions of one option, [ { origin, value } ] → what it is, and where it is said twice.
  merged =
    name: definitions:
    let
      values = map (definition: definition.value) definitions;
      kind = kindOf name;
      byName = zipAttrsWith (_: found: found) (
        map ({ origin, value }: mapAttrs (_: one: { inherit origin; value = one; }) value) definitions
      );
      conflict =
        path: found:
        map (other: {
          inherit path;
          inherit (other) value;
          # The rule names both places.
          origin = null;
          rule = "declared once; here by ${(head found).origin} and by ${other.origin}";
          fix = "remove or rename one";
        }) (tail found);
    in
    if length definitions == 1 then
      {
        value = head values;
        problems = [ ];
      }
    else if kind == "attrsOf" && all isAttrs values then
      {
        value = foldl' (joined: value: value // joined) { } values;
        problems = concatMap (key: conflict "${name}.${attrName key}" byName.${key}) (attrNames byName);
      }
    else if kind == "listOf" && all isList values then
      {
        value = concatLists values;
        problems = [ ];
      }
    else
      {
        value = head values;
        problems = conflict name (
          [ (head definitions) ] ++ filter (definition: definition.value != head values) (tail definitions)
        );
      };

  # The option a problem is about: name, and the key or index in it.
  pathParts = match ''([^.[]+)(\.("[^"]*"|[^.[]+)|\[([0-9]+)])?.*'';

  # Index in the joined list → whose it is.
  ownerOf =
    index: definitions:
    let
      count = length (head definitions).value;
    in
    if index < count || length definitions == 1 then (head definitions).origin else ownerOf (index - count) (tail definitions);
in
{
  gather = gatherAt {
    path = "";
    depth = 0;
  };

  merge =
    parts:
    let
      definitions = zipAttrsWith (_: found: found) (
        map ({ origin, options }: mapAttrs (_: value: { inherit origin value; }) options) parts
      );
      results = mapAttrs merged definitions;
      originOf =
        path:
        let
          found = pathParts path;
          name = elemAt found 0;
          key = elemAt found 2;
          index = elemAt found 3;
          defined = definitions.${name} or [ ];
          ofKey = filter ({ value, ... }: isAttrs value && builtins.any (one: attrName one == key) (attrNames value)) defined;
        in
        if found == null || defined == [ ] then
          null
        else if index != null && all ({ value, ... }: isList value) defined then
          ownerOf (lib.numbers.number index) defined
        else if key != null && ofKey != [ ] then
          (head ofKey).origin
        else if length defined == 1 then
          (head defined).origin
        else
          null;
    in
    # One part, of whatever type: nothing to merge, and no need to say where anything is.
    if length parts == 1 then
      {
        inherit (head parts) options;
        problems = [ ];
        originOf = _: null;
      }
    else
      {
        options = mapAttrs (_: result: result.value) results;
        problems = concatMap (name: results.${name}.problems) (attrNames results);
        inherit originOf;
      };
}
