# Controls and rules as data: what mk-control.nix checks, and what a control file may say.
{ lib, types }:
let
  inherit (builtins) match stringLength;

  severities = [
    "minimal"
    "standard"
    "strict"
    "paranoid"
  ];
  hostTypes = [
    "server"
    "workstation"
    "appliance"
  ];

  identifier =
    { says, pattern }:
    types.text {
      inherit says pattern;
      bytesMax = 64;
    };
  sentence = types.text {
    says = "one or more sentences, at most 1000 bytes";
    bytesMax = 1000;
    test = text: stringLength text > 2;
  };
  tag = identifier {
    says = "a tag: a-z, 0-9 and -";
    pattern = "[a-z0-9][a-z0-9-]*";
  };
  ruleId = identifier {
    says = "the id of a rule, such as AC-01";
    pattern = "[A-Z]{2,3}-[0-9]{2}";
  };
  articles = types.attrsOf {
    name = identifier {
      says = "the name of a framework, such as nis2";
      pattern = "[a-z0-9][a-z0-9-]*";
    };
    of = types.listOf {
      of = types.text {
        says = "an article, as its framework numbers it";
        bytesMax = 64;
        test = text: match "[A-Z0-9].*" text != null;
      };
      max = 64;
      isSet = true;
    };
  };
  function = types.anything "a function";

  option = types.record {
    title = "option of a control";
    options = {
      type = {
        type = types.anything "a type of nix/fleet/types.nix";
        description = "What it can hold.";
      };
      default = {
        type = types.anything "a value of its type";
        description = "Its value where neither framework nor host says anything.";
      };
      direction = {
        type = types.oneOf [
          "max"
          "min"
          "any"
          "all"
          "intersect"
          "declared"
        ];
        description = "Which of two values is the stricter one. `declared`: it describes the host, and no framework has a say.";
      };
      scale = {
        type = types.nullOr (types.listOf {
          of = types.anything "a value";
          max = 16;
        });
        default = null;
        description = "For words that are `max` or `min`: all of them, ascending. Texts such as `24h` need none.";
      };
      description = {
        type = sentence;
        description = "For people.";
      };
    };
  };

  rule = types.record {
    title = "rule";
    rules = [
      {
        holds = value: (value.evaluate == null && value.check == null && !value.isAttested) == (value.unmeasured != null);
        reads = [
          "evaluate"
          "check"
          "isAttested"
          "unmeasured"
        ];
        rule = "a rule is measured (evaluate or check), attested, or says why it is not measured";
        fix = "give evaluate or check, or unmeasured with the reason; not both";
      }
      {
        holds = value: !value.isAttested || (value.evaluate == null && value.check == null);
        reads = [
          "evaluate"
          "check"
          "isAttested"
        ];
        rule = "what a person attests is not measured as well";
        fix = "make two rules of it";
      }
    ];
    options = {
      id = {
        type = ruleId;
        description = "Never used for anything else, also after the rule is gone.";
        example = ''"AC-01"'';
      };
      name = {
        type = sentence;
        description = "What must hold, in a few words.";
        example = ''"No password logins over SSH"'';
      };
      severity = {
        type = types.oneOf severities;
        description = "The governance level from which the rule is active.";
        example = ''"standard"'';
      };
      tags = {
        type = types.listOf {
          of = tag;
          max = 16;
          isSet = true;
        };
        default = [ ];
        description = "What hosts may exclude rules by.";
      };
      hostTypes = {
        type = types.listOf {
          of = types.oneOf hostTypes;
          max = 3;
          isSet = true;
        };
        default = [ ];
        description = "Which hosts it is for; empty: all.";
      };
      architectures = {
        type = types.listOf {
          of = types.oneOf [
            "x86_64"
            "aarch64"
            "i686"
            "armv7l"
            "riscv64"
          ];
          max = 8;
          isSet = true;
        };
        default = [ ];
        description = "Which processors it is for; empty: all.";
      };
      articles = {
        type = articles;
        default = { };
        description = "Framework → articles that this rule contributes evidence to, beyond those of its control in the crosswalk.";
      };
      evaluate = {
        type = types.nullOr function;
        default = null;
        description = "Static projection: { config, options } → list of checks, see checks.nix. Pure. Null: there is none.";
      };
      check = {
        type = types.nullOr function;
        default = null;
        description = "Probe: { config, options } → descriptor, see probe.nix. Null: there is none.";
      };
      isAttested = {
        type = types.bool;
        default = false;
        description = "Only a person can say it, in a signed statement.";
      };
      unmeasured = {
        type = types.nullOr sentence;
        default = null;
        description = "Why nothing measures it, where nothing does. It is then reported as not covered.";
      };
      implementations = {
        type = types.listOf {
          of = function;
          max = 8;
        };
        default = [ ];
        description = "NixOS fragments, each { config, options } → definitions, applied while the control's mode is enforce. See implementation.nix.";
      };
      remediation = {
        type = sentence;
        description = "What to do on a host where it fails.";
      };
    };
  };

  control = types.record {
    title = "control";
    rules = [
      {
        holds = value: lib.lists.duplicates (map (entry: entry.id) value.rules) == [ ];
        reads = [ "rules" ];
        rule = "each id of a rule stands once";
        fix = "number the rules of the control";
      }
      {
        holds = value: value.type != "static" || builtins.all (entry: entry.check == null) value.rules;
        reads = [
          "type"
          "rules"
        ];
        rule = "a static control has no probes";
        fix = ''make it type = "both"'';
      }
      {
        holds = value: value.type != "runtime" || builtins.all (entry: entry.evaluate == null) value.rules;
        reads = [
          "type"
          "rules"
        ];
        rule = "a runtime control has no static projections";
        fix = ''make it type = "both"'';
      }
      {
        holds = value: (value.type == "attested") == builtins.all (entry: entry.isAttested) value.rules;
        reads = [
          "type"
          "rules"
        ];
        rule = "a control is attested if and only if all its rules are";
        fix = "correct type, or isAttested of its rules";
      }
    ];
    options = {
      controlId = {
        type = identifier {
          says = "the id of a control: a-z, 0-9 and -";
          pattern = "[a-z][a-z0-9]*(-[a-z0-9]+)*";
        };
        description = "Its name in documents.";
        example = ''"access-control"'';
      };
      optionName = {
        type = identifier {
          says = "the name of an option, in camel case";
          pattern = "[a-z][a-zA-Z0-9]*";
        };
        description = "Its name under compliance.controls.";
        example = ''"accessControl"'';
      };
      title = {
        type = sentence;
        description = "For tables.";
      };
      purpose = {
        type = sentence;
        description = "What it is good for.";
      };
      type = {
        type = types.oneOf [
          "static"
          "runtime"
          "both"
          "attested"
        ];
        description = "What it is evaluated on: the configuration, the running host, both, or a person's statement.";
      };
      schema = {
        type = identifier {
          says = "a vocabulary and its version, such as anssi-bp028/v1";
          pattern = "[a-z0-9][a-z0-9-]*/v[1-9][0-9]*";
        };
        description = "The shape of its details. Immutable once shipped: what changes gets a new number.";
      };
      options = {
        type = types.attrsOf {
          name = identifier {
            says = "the name of an option, in camel case";
            pattern = "[a-z][a-zA-Z0-9]*";
          };
          of = option;
        };
        default = { };
        description = "What can be set of it.";
      };
      rules = {
        type = types.listOf {
          of = rule;
          min = 1;
          max = 64;
        };
        description = "What must hold.";
      };
    };
  };
in
{
  inherit
    severities
    hostTypes
    control
    rule
    ;
}
