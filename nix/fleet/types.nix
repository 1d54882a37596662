# What an option can hold, as plain data: check.nix walks it, reference.nix prints it. `says` completes the sentence
# "expected …" and is what the reference shows as the type.
let
  inherit (builtins)
    concatStringsSep
    elemAt
    genList
    length
    map
    toJSON
    toString
    ;
  # a, b or c
  alternatives =
    texts:
    let
      count = length texts;
      allButLast = genList (elemAt texts) (count - 1);
      last = elemAt texts (count - 1);
    in
    if count == 1 then last else "${concatStringsSep ", " allButLast} or ${last}";
  range =
    unit: min: max:
    if max == null then "${toString min} ${unit} or more" else "${toString min} to ${toString max} ${unit}";
in
rec {
  # Never looked at, so that reading the topology evaluates no host.
  anything = says: {
    kind = "anything";
    inherit says;
  };

  bool = {
    kind = "bool";
    says = "true or false";
  };

  # `max` null: no upper bound.
  int =
    { min, max }:
    {
      kind = "int";
      inherit min max;
      says = "a whole number, ${if max == null then "${toString min} or more" else "${toString min} to ${toString max}"}";
    };

  # `pattern` is a POSIX extended expression for the whole string. `test` refines what a pattern cannot say. `fix`: text,
  # or a function from the wrong value (of any type) to text.
  text =
    {
      says,
      pattern ? null,
      bytesMax,
      test ? null,
      fix ? null,
    }:
    {
      kind = "text";
      inherit
        says
        pattern
        bytesMax
        test
        fix
        ;
    };

  oneOf = values: {
    kind = "oneOf";
    inherit values;
    says = alternatives (map toJSON values);
  };

  nullOr = of: {
    kind = "nullOr";
    inherit of;
    says = "${of.says}, or null";
  };

  listOf =
    {
      of,
      min ? 0,
      max,
      isSet ? false,
    }:
    {
      kind = "listOf";
      inherit
        of
        min
        max
        isSet
        ;
      says = "a list of ${range "entries" min max}${if isSet then ", each once" else ""}; each is ${of.says}";
    };

  # `name` is the text type of the attribute names.
  attrsOf =
    { name, of }:
    {
      kind = "attrsOf";
      inherit name of;
      says = "an attribute set; each value is ${of.says}";
    };

  # `options`: name → { type, default?, description, example? }. No default: required.
  # `rules`: [ { holds = value: bool; rule; fix; reads?; } ] over the checked value, for what concerns several options at
  # once. A rule is asked only if the options it reads, all if it does not say which, are right themselves.
  record =
    {
      title,
      options,
      rules ? [ ],
    }:
    {
      kind = "record";
      inherit title options rules;
      says = "a ${title}";
    };

  # A record whose options depend on the value of one of them.
  variants =
    {
      title,
      tag,
      tagDescription,
      variants,
    }:
    {
      kind = "variants";
      inherit
        title
        tag
        tagDescription
        variants
        ;
      says = "a ${title}";
    };
}
