# The part of nixpkgs' `lib` that an option declaration uses, as far as its documentation goes: so that the option reference
# is written, and compared, without nixpkgs. Types are their descriptions, worded and put in parentheses as nixpkgs does
# (lib/types.nix); a test compares both when a nixpkgs `lib` is there.
let
  inherit (builtins)
    concatStringsSep
    elemAt
    length
    map
    toJSON
    toString
    ;

  # `class` decides when a description inside another stands in parentheses.
  type = class: description: { inherit class description; };
  noun = type "noun";

  # As nixpkgs' optionDescriptionPhrase.
  phrase = unparenthesised: of: if unparenthesised of.class then of.description else "(${of.description})";
  isPlain = class: class == "noun" || class == "composite";

  listed =
    values:
    let
      shown = map toJSON values;
    in
    if length shown == 1 then "value ${elemAt shown 0} (singular enum)" else "one of ${concatStringsSep ", " shown}";
in
{
  literalExpression = text: {
    _type = "literalExpression";
    inherit text;
  };
  mkOption = option: option // { _type = "option"; };

  types = {
    anything = noun "anything";
    bool = noun "boolean";
    package = noun "package";
    path = noun "absolute path";
    port = noun "16 bit unsigned integer; between 0 and 65535 (both inclusive)";
    str = noun "string";
    strMatching = pattern: noun "string matching the pattern ${pattern}";
    ints = {
      between = min: max: noun "integer between ${toString min} and ${toString max} (both inclusive)";
      positive = type "nonRestrictiveClause" "positive integer, meaning >0";
      unsigned = type "nonRestrictiveClause" "unsigned integer, meaning >=0";
    };
    enum = values: type (if length values == 1 then "noun" else "conjunction") (listed values);
    listOf =
      of:
      type "composite" "list of ${phrase isPlain of}"
      // {
        inherit of;
        placeholder = "*";
      };
    attrsOf =
      of:
      type "composite" "attribute set of ${phrase isPlain of}"
      // {
        inherit of;
        placeholder = "<name>";
      };
    nullOr =
      of:
      type "conjunction" "null or ${phrase (class: class == "noun" || class == "conjunction") of}"
      // (if of ? options then { inherit (of) options; } else { });
    either =
      one: other:
      type "conjunction" "${phrase (class: class == "noun" || class == "conjunction") one} or ${
        phrase (class: class == "noun" || class == "conjunction" || class == "composite") other
      }";
    submodule = module: type null "submodule" // { inherit (module) options; };
  };
}
