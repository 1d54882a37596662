# Without the attributes that are null, also in sets and lists inside: a settings file leaves out what is unset.
lib:
let
  drop =
    value:
    if lib.isDerivation value then
      value
    else if builtins.isAttrs value then
      lib.mapAttrs (_: drop) (lib.filterAttrs (_: inner: inner != null) value)
    else if builtins.isList value then
      map drop value
    else
      value;
in
drop
