# Paths of the fleet's options that lack a description or an example; recursion through selectors is followed once.
let
  lib = import ../../nix/lib;
  types = import ../../nix/fleet/types.nix;
  scalars = import ../../nix/fleet/scalars.nix { inherit lib types; };
  schema = import ../../nix/fleet/schema.nix { inherit lib types scalars; };
  inherit (builtins) attrNames concatMap elem;

  ofType =
    seen: path: type:
    if type.kind == "record" then
      ofOptions seen path type.options
    else if type.kind == "variants" then
      concatMap (name: ofOptions seen "${path}<${name}>" type.variants.${name}.options) (attrNames type.variants)
    else if type ? of then
      ofType seen path type.of
    else
      [ ];
  ofOptions =
    seen: path: options:
    concatMap (
      name:
      let
        option = options.${name};
        here = "${path}.${name}";
        isWhole = option ? example && option.description or "" != "";
      in
      (if isWhole then [ ] else [ here ]) ++ (if elem name seen then [ ] else ofType (seen ++ [ name ]) here option.type)
    ) (attrNames options);
in
ofType [ ] "" schema
