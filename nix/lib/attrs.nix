# Attribute sets.
let
  inherit (builtins)
    attrNames
    filter
    listToAttrs
    map
    removeAttrs
    ;
in
rec {
  # The attributes of which (name: value: bool) holds. Forces the values as far as the predicate does.
  filterAttrs = keep: set: removeAttrs set (filter (name: !(keep name set.${name})) (attrNames set));

  # Without the attributes that are null: in signed documents what is unset is absent.
  dropNulls = filterAttrs (_: value: value != null);

  # names → (name: value) → attribute set.
  genAttrs =
    names: f:
    listToAttrs (
      map (name: {
        inherit name;
        value = f name;
      }) names
    );

  # The attributes of `set` that are among `names`.
  pick = names: set: filterAttrs (name: _: names ? ${name}) set;
}
