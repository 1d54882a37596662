# Lists.
let
  inherit (builtins)
    attrNames
    elemAt
    filter
    genList
    groupBy
    length
    listToAttrs
    map
    ;
in
rec {
  # (index: element: result) → list → list.
  indexedMap = f: list: genList (i: f i (elemAt list i)) (length list);

  # The first `count` elements, or all if there are fewer.
  take = count: list: genList (elemAt list) (if length list < count then length list else count);

  # All but the first `count` elements.
  drop = count: list: genList (index: elemAt list (count + index)) (if length list < count then 0 else length list - count);

  last = list: elemAt list (length list - 1);

  # Where `wanted` stands, from 0; null if nowhere.
  positionOf =
    wanted: list:
    let
      found = filter (index: elemAt list index == wanted) (genList (index: index) (length list));
    in
    if found == [ ] then null else elemAt found 0;

  # Strings as an attribute set, for membership in logarithmic time: `set ? ${name}`.
  toSet =
    names:
    listToAttrs (
      map (name: {
        inherit name;
        value = true;
      }) names
    );

  # Strings without repetition, sorted.
  distinct = names: attrNames (toSet names);

  # Strings that occur more than once, each once, sorted.
  duplicates =
    names:
    let
      groups = groupBy (name: name) names;
    in
    filter (name: length groups.${name} > 1) (attrNames groups);
}
