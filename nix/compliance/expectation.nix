# Whether an observed value is what was expected, as data on both sides. Probes' output is compared by the same rules in
# TypeScript; vectors/expectations.json holds both to it.
#
#   a plain value        equal to it
#   { "$ge" = n; }       a number, n or more        { "$le" = n; }   n or less
#   { "$in" = [ … ]; }   one of them
#   { "$subset" = [ … ]; }   a list of nothing but these
#   { "$absent" = true; }    null, or not there
#   { name = …; }        each name of it, in an object that may have more
#
# Several operators in one object must all hold. An operator that is not known throws: it must not pass.
let
  inherit (builtins)
    all
    any
    attrNames
    elem
    isAttrs
    isFloat
    isInt
    isList
    map
    substring
    ;
  isNumber = value: isInt value || isFloat value;

  operators = {
    "$ge" = bound: observed: isNumber observed && observed >= bound;
    "$le" = bound: observed: isNumber observed && observed <= bound;
    "$in" = values: observed: elem observed values;
    "$subset" = values: observed: isList observed && all (value: elem value values) observed;
    "$absent" = isAbsent: observed: (observed == null) == isAbsent;
  };

  isOperation = expected: isAttrs expected && any (name: substring 0 1 name == "$") (attrNames expected);

  meets =
    expected: observed:
    if isOperation expected then
      # All are looked up before any is asked: an unknown one throws, also after one that does not hold.
      let
        asked = map (
          name: (operators.${name} or (throw "an expectation has the unknown operator ${name}")) expected.${name}
        ) (attrNames expected);
      in
      builtins.deepSeq (map builtins.isFunction asked) (all (holds: holds observed) asked)
    else if isAttrs expected then
      isAttrs observed && all (name: meets expected.${name} (observed.${name} or null)) (attrNames expected)
    else
      expected == observed;
in
{
  inherit meets isOperation;
}
