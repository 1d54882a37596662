# Which hosts. Criteria in one selector narrow each other down.
{ types, scalars }:
let
  names =
    what:
    types.nullOr (
      types.listOf {
        of = scalars.nameOf what;
        min = 1;
        max = 10000;
        isSet = true;
      }
    );
  selectors = types.nullOr (
    types.listOf {
      of = selector;
      min = 1;
      max = 64;
    }
  );

  selector = types.record {
    title = "selector";
    rules = [
      {
        holds = value: builtins.any (name: value.${name} != null) (builtins.attrNames value);
        rule = "a selector names at least one criterion: an empty one matches no host";
        fix = "write { all = true; } for every host";
      }
    ];
    options = {
      all = {
        type = types.nullOr (types.oneOf [ true ]);
        default = null;
        description = "Every host.";
        example = "true";
      };
      hosts = {
        type = names "host";
        default = null;
        description = "Hosts of these names.";
        example = ''[ "web-1" ]'';
      };
      channel = {
        type = types.nullOr (scalars.nameOf "channel");
        default = null;
        description = "Hosts of this channel.";
        example = ''"stable"'';
      };
      tags = {
        type = names "tag";
        default = null;
        description = "Hosts that carry all of these tags.";
        example = ''[ "web" "eu" ]'';
      };
      tagsAny = {
        type = names "tag";
        default = null;
        description = "Hosts that carry one of these tags or more.";
        example = ''[ "web" "api" ]'';
      };
      not = {
        type = types.nullOr selector;
        default = null;
        description = "Hosts that this selector does not match.";
        example = ''{ tags = [ "canary" ]; }'';
      };
      and = {
        type = selectors;
        default = null;
        description = "Hosts that all of these selectors match.";
        example = ''[ { tags = [ "web" ]; } { channel = "stable"; } ]'';
      };
      or = {
        type = selectors;
        default = null;
        description = "Hosts that one of these selectors or more match.";
        example = ''[ { tags = [ "web" ]; } { hosts = [ "db-1" ]; } ]'';
      };
    };
  };
in
selector
