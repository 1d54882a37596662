# A rule's NixOS fragment as definitions for the module system.
#
# A fragment is an ordinary set of options. `_when` in it is its condition: which options there are must not depend on the
# configuration, or their evaluation would never end. `{ _lines = text; }` stands for text that is added to what others say.
#
# Single values give way to what the host's own configuration says, and to nothing else: a host that says otherwise then
# fails the rule, and is not built into something that nobody wrote down. Lists and lines are added.
{ lib, options }:
let
  # Stronger than lib.mkDefault of NixOS's modules, weaker than a plain definition.
  priority = 900;

  isOption = value: (value._type or "") == "option";

  # What this NixOS does not know is left out; the rule then says so.
  definitions =
    declared: value:
    if builtins.isAttrs value && value ? _lines then
      value._lines
    else if builtins.isAttrs value && !lib.isDerivation value then
      if declared == null || isOption declared then
        lib.mapAttrs (_: definitions null) value
      else
        lib.mapAttrs (name: definitions declared.${name}) (lib.filterAttrs (name: _: declared ? ${name}) value)
    else if builtins.isList value then
      value
    else
      lib.mkOverride priority value;
in
fragment: lib.mkIf (fragment._when or true) (definitions options (removeAttrs fragment [ "_when" ]))
