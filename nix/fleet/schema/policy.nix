# Waves, failures and budgets.
{
  types,
  scalars,
  selector,
}:
let
  inherit (builtins) filter foldl' length;

  # Each wave has one of them.
  membership = [
    "selector"
    "percent"
    "size"
  ];
  strategyReads = [
    "strategy"
    "waves"
  ];
  soakSecondsMax = 90 * 24 * 3600;

  # Shared by the declared waves and the last one.
  soak = {
    soakMinutes = {
      type = types.nullOr (
        types.int {
          min = 0;
          max = soakSecondsMax / 60;
        }
      );
      default = null;
      description = "How long a host must stay healthy after it confirmed. 5 where neither this nor soakSeconds is set: long enough for a few rounds of probes to fail.";
      example = "30";
    };
    soakSeconds = {
      type = types.nullOr (scalars.seconds 0 soakSecondsMax);
      default = null;
      description = "The same in seconds.";
      example = "90";
    };
    promoteWhen = {
      type = types.record {
        title = "promotion condition";
        options = {
          convergedPercent = {
            type = scalars.percent 1;
            default = 100;
            description = "Of the wave's reachable hosts, how many must have converged. 100: one that fails stops the rest.";
            example = "90";
          };
          receiptsPercent = {
            type = scalars.percent 0;
            default = 100;
            description = "Of all the wave's hosts, rounded up, how many signed statements of having converged an agent of a later wave demands before it acts. 100: the order is proven in full, and an offline host holds the next wave. Less lets a wave pass without some hosts, and is how far a stolen control plane could stretch it; 0 asks for none, so that nothing proves the order to the agents.";
            example = "80";
          };
        };
      };
      default = { };
      description = "What must be true of this wave before the next one starts.";
      example = "{ convergedPercent = 90; receiptsPercent = 80; }";
    };
  };
  oneSoak = {
    holds = value: value.soakMinutes == null || value.soakSeconds == null;
    reads = [
      "soakMinutes"
      "soakSeconds"
    ];
    rule = "the soak is given once";
    fix = "keep one of soakMinutes and soakSeconds";
  };
in
{
  rolloutPolicy = types.record {
    title = "rollout policy";
    rules = [
      {
        holds = value: foldl' (sum: wave: sum + (if wave.percent == null then 0 else wave.percent)) 0 value.waves <= 100;
        reads = [ "waves" ];
        rule = "the percentages of a policy's waves are 100 together, or less with `rest` for the others";
        fix = "lower some";
      }
      {
        holds = value: value.strategy != "all-at-once" || value.waves == [ ];
        reads = strategyReads;
        rule = "all-at-once has no waves";
        fix = "remove waves, or the strategy";
      }
      {
        holds = value: value.strategy != "canary" || length value.waves <= 1;
        reads = strategyReads;
        rule = "canary has one wave before the rest";
        fix = "keep one wave, or write strategy = \"staged\";";
      }
    ];
    options = {
      strategy = {
        type = types.nullOr (
          types.oneOf [
            "canary"
            "staged"
            "all-at-once"
          ]
        );
        default = null;
        description = "A name for what `waves` says, and what they are where it says nothing: `canary` is one host and then the rest, `staged` 10 %, then 40 % and then the rest, `all-at-once` no waves. With waves of your own it is checked, and otherwise not needed.";
        example = ''"canary"'';
      };
      waves = {
        type = types.listOf {
          max = 99;
          of = types.record {
            title = "wave";
            rules = [
              oneSoak
              {
                holds = value: length (filter (name: value.${name} != null) membership) == 1;
                reads = membership;
                rule = "a wave's hosts are given by one of selector, percent and size";
                fix = "write selector.tags = [ \"canary\" ];, percent = 10; or size = 1;";
              }
            ];
            options = soak // {
              selector = {
                type = types.nullOr selector;
                default = null;
                description = "The wave's hosts, among those of the channel that are in no earlier wave.";
                example = ''{ tags = [ "canary" ]; }'';
              };
              percent = {
                type = types.nullOr (scalars.percent 1);
                default = null;
                description = "So many per cent of all hosts of the channel, in the order of a hash of their names, from those in no earlier wave. Percentages of one policy are added up and the sum is rounded up, so that 10 and 90 are everybody.";
                example = "10";
              };
              size = {
                type = types.nullOr (
                  types.int {
                    min = 1;
                    max = 10000;
                  }
                );
                default = null;
                description = "So many hosts, in the same order.";
                example = "5";
              };
            };
          };
        };
        default = [ ];
        description = "The waves in order. A host belongs to the first that takes it. Hosts that none takes form the last wave, `rest`. A wave without hosts is left out.";
        example = ''[ { selector.tags = [ "canary" ]; soakMinutes = 30; } { selector.tagsAny = [ "web" "api" ]; } ]'';
      };
      rest = {
        type = types.record {
          title = "last wave";
          rules = [ oneSoak ];
          # Nothing waits for the last wave, so it has no condition.
          options = builtins.removeAttrs soak [ "promoteWhen" ];
        };
        default = { };
        description = "How the last wave soaks: the hosts that no declared wave matches.";
        example = "{ soakMinutes = 10; }";
      };
      onFailedUnits = {
        type = types.oneOf [
          "new"
          "any"
          "ignore"
        ];
        default = "new";
        description = "Which failed units fail an activation: those that had not failed before it, any that has failed after it, or none.";
        example = ''"any"'';
      };
      onHealthFailure = {
        type = types.oneOf [
          "halt"
          "rollback-and-halt"
        ];
        default = "rollback-and-halt";
        description = "What a host does whose enforced probe fails once it has confirmed a closure, until its soak ends: go back to the closure that it confirmed before, or stay for somebody to look. A switch that fails before it is confirmed is always undone. And always the channel halts once there are more failures than maxFailures.";
        example = ''"halt"'';
      };
      maxFailures = {
        type = types.record {
          title = "limit of failures";
          rules = [
            {
              holds = value: value.count != null || value.percent != null;
              rule = "a limit of failures is a count, a percentage or both";
              fix = "write { count = 0; } to halt at the first failure";
            }
          ];
          options = {
            count = {
              type = types.nullOr (
                types.int {
                  min = 0;
                  max = 10000;
                }
              );
              default = null;
              description = "Failed hosts that are tolerated.";
              example = "2";
            };
            percent = {
              type = types.nullOr (scalars.percent 0);
              default = null;
              description = "The same as a percentage of the rollout's hosts, rounded down. With both, the smaller counts.";
              example = "5";
            };
          };
        };
        default = {
          count = 0;
        };
        description = "Failed hosts the channel tolerates before it halts. None by default: the first failure stops every host not yet switched.";
        example = "{ percent = 5; }";
      };
    };
  };

  disruptionBudget = types.record {
    title = "disruption budget";
    rules = [
      {
        holds = value: value.maxInFlight != null || value.maxInFlightPercent != null;
        reads = [
          "maxInFlight"
          "maxInFlightPercent"
        ];
        rule = "a budget needs maxInFlight or maxInFlightPercent";
        fix = "write maxInFlight = 1;";
      }
    ];
    options = {
      name = {
        type = scalars.nameOf "budget";
        description = "One budget across rollouts and releases, shown to whoever asks why a host waits.";
        example = ''"web"'';
      };
      selector = {
        type = selector;
        description = "The hosts that share the budget, of whatever channel.";
        example = ''{ tags = [ "web" ]; }'';
      };
      maxInFlight = {
        type = types.nullOr (
          types.int {
            min = 1;
            max = 10000;
          }
        );
        default = null;
        description = "Most of them that may be switching at once.";
        example = "2";
      };
      maxInFlightPercent = {
        type = types.nullOr (scalars.percent 1);
        default = null;
        description = "The same as a percentage of them, rounded down, one at least. With both, the smaller counts.";
        example = "25";
      };
    };
  };
}
