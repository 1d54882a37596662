# A type of nix/fleet/types.nix as one of NixOS.
{ lib }:
let
  inherit (lib) types;
  convert =
    type:
    {
      bool = types.bool;
      int = if type.max == null then types.addCheck types.int (value: value >= type.min) else types.ints.between type.min type.max;
      oneOf = types.enum type.values;
      text = lib.types.addCheck (
        if type.pattern == null then types.str else types.strMatching type.pattern
      ) (value: builtins.stringLength value <= type.bytesMax && (type.test == null || type.test value));
      nullOr = types.nullOr (convert type.of);
      listOf = types.addCheck (types.listOf (convert type.of)) (
        value: builtins.length value >= type.min && builtins.length value <= type.max
      );
      attrsOf = types.attrsOf (convert type.of);
      record = types.submodule { options = lib.mapAttrs (_: toOption) type.options; };
    }
    .${type.kind};

  toOption =
    option:
    lib.mkOption {
      type = convert option.type;
      inherit (option) description;
      ${if option ? default then "default" else null} = option.default;
    };
in
{
  inherit convert toOption;
}
