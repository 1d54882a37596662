# Compliance: controls as typed Nix values. `builtins` only: no nixpkgs, Nix 2.8 or newer. The NixOS module is module.nix.
let
  inherit (builtins)
    concatMap
    listToAttrs
    map
    mapAttrs
    ;
  lib = import ../lib;
  types = import ../fleet/types.nix;
  scalars = import ../fleet/scalars.nix { inherit lib types; };
  schema = import ./schema.nix { inherit lib types; };
  crosswalk = import ./crosswalk { inherit lib; };
  mkControl = import ./mk-control.nix {
    inherit
      lib
      types
      schema
      crosswalk
      ;
  };
  parts = {
    inherit lib types scalars;
    checks = import ./checks.nix { inherit lib; };
    probe = import ./probe.nix { inherit lib types; };
    inherit (import ./measure.nix { inherit (parts) probe; })
      measureWith
      many
      given
      switch
      sysctlWant
      ;
  };
  files = import ./controls;
in
rec {
  inherit mkControl crosswalk schema;

  # Raised with every change of a rule's meaning; every result names it.
  version = "1.0.0";

  # A control from its file; `replaced`: what it is given instead of ours, for tests.
  controlFrom = replaced: file: mkControl (import file (parts // replaced));

  # In the order of the specification.
  controls = map (controlFrom { }) files;

  byId = listToAttrs (
    map (control: {
      name = control.controlId;
      value = control;
    }) controls
  );

  byOptionName = listToAttrs (
    map (control: {
      name = control.optionName;
      value = control;
    }) controls
  );

  # What frameworks ask for, and the strictest of several at once.
  presets = import ./presets.nix { inherit lib schema byOptionName; };

  # What contributes to which article, each line with where it comes from.
  crosswalkRows = crosswalk.rowsWith (
    concatMap (
      control:
      map (rule: {
        control = control.controlId;
        rule = rule.id;
        inherit (rule) articles;
      }) control.rules
    ) controls
  );

  # Configuration → control → static result. Controls that say nothing of a configuration are left out.
  evaluateAll =
    config:
    mapAttrs (_: control: control.evaluate config) (lib.attrs.filterAttrs (_: control: control.evaluate != null) byId);
}
