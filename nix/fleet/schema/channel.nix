# What rolls out together.
{
  types,
  scalars,
  compliance,
  healthChecks,
  pin,
  times,
}:
let
  daySeconds = 24 * 3600;
in
types.record {
  title = "channel";
  rules = [
    {
      holds = value: value.unconfirmedRetrySeconds <= value.unconfirmedRetryMaxSeconds;
      reads = [
        "unconfirmedRetrySeconds"
        "unconfirmedRetryMaxSeconds"
      ];
      rule = "the first wait is no longer than the longest: unconfirmedRetrySeconds ≤ unconfirmedRetryMaxSeconds";
      fix = "raise unconfirmedRetryMaxSeconds or lower unconfirmedRetrySeconds";
    }
    {
      # Agents start nothing that they could not confirm.
      holds = value: value.withoutControlPlane != "timed" || value.confirm.by == "local";
      reads = [
        "confirm"
        "withoutControlPlane"
      ];
      rule = "what starts without a control plane is confirmed without one: withoutControlPlane = \"timed\" needs confirm.by = \"local\"";
      fix = "set confirm.by = \"local\", or withoutControlPlane = \"hold\"";
    }
  ];
  options = {
    description = {
      type = scalars.line 1000;
      default = "";
      description = "For people.";
      example = ''"Production"'';
    };
    rolloutPolicy = {
      type = scalars.nameOf "rollout policy";
      description = "The policy under `rolloutPolicies` that orders this channel's hosts.";
      example = ''"canary-first"'';
    };
    mode = {
      type = types.oneOf [
        "switch"
        "observe"
      ];
      default = "switch";
      description = "`observe` plans and reports what it would do, and switches nothing: for the first days with an existing fleet.";
      example = ''"observe"'';
    };
    confirm = {
      type = types.record {
        title = "confirmation";
        options = {
          by = {
            type = types.oneOf [
              "control-plane"
              "local"
            ];
            default = "control-plane";
            description = "Who must be reachable after a switch. `local` is for hosts that may not depend on the control plane, such as its own.";
            example = ''"local"'';
          };
          timeoutSeconds = {
            type = scalars.seconds 5 daySeconds;
            default = 120;
            description = "From the end of the activation until the dead man's switch reverts. 120: time for network and services to come up, and short enough that a host cut off is back before somebody drives to it.";
            example = "300";
          };
        };
      };
      default = { };
      description = "What makes a switch final.";
      example = "{ timeoutSeconds = 300; }";
    };
    activationTimeoutSeconds = {
      type = scalars.seconds 5 daySeconds;
      default = 600;
      description = "An activation that takes longer is reverted. 600: restarting a large database is slow, ten minutes are not.";
      example = "1800";
    };
    onNewRelease = {
      type = types.oneOf [
        "finish"
        "replace"
      ];
      default = "finish";
      description = "A newer release waits until the running rollout has ended (`finish`), or takes its place (`replace`). Waiting by default: under frequent commits, replacing would test the canary for ever and reach nobody else.";
      example = ''"replace"'';
    };
    offline = {
      type = types.record {
        title = "rule for offline hosts";
        options.graceSeconds = {
          type = types.nullOr (scalars.seconds 0 (30 * daySeconds));
          default = null;
          description = "A host silent for longer no longer blocks its wave, as far as receiptsPercent allows, and is caught up when it returns. Null: it always blocks, which is right for servers; laptops want a grace.";
          example = "86400";
        };
      };
      default = { };
      description = "What hosts that do not answer mean for their wave.";
      example = "{ graceSeconds = 86400; }";
    };
    unconfirmedRetrySeconds = {
      type = scalars.seconds 1 daySeconds;
      default = 300;
      description = "A switch that nobody could confirm is reverted and tried again after this wait, which doubles each time. It is no failure of the release.";
      example = "60";
    };
    unconfirmedRetryMaxSeconds = {
      type = scalars.seconds 1 (7 * daySeconds);
      default = 21600;
      description = "The longest such wait: six hours, four attempts a day.";
      example = "86400";
    };
    reboot = {
      type = types.oneOf [
        "never"
        "window"
        "immediate"
      ];
      default = "never";
      description = "What follows a changed kernel or initrd, or a switch that needs a reboot: a report only, a reboot in the next change window, or a reboot as soon as waves and budgets let it.";
      example = ''"window"'';
    };
    reboots = {
      type = types.int {
        min = 0;
        max = 1000000;
      };
      default = 0;
      description = "Raise it to have every host of the channel boot once more, whatever `reboot` says: wave by wave, like a release of the same systems. A host that was booted since it first saw the number does nothing. Lowered, it asks for nothing.";
      example = "1";
    };
    drift = {
      type = types.oneOf [
        "report"
        "hold"
        "reactivate"
      ];
      default = "report";
      description = "What becomes of a machine that somebody changed outside NixFleet. It is told in any case; `report` leaves it at that, and the next release replaces the change. With `hold` nothing is started on that machine, nor is it booted, until it runs again what it confirmed last or what it is to run. With `reactivate` it switches to its closure again, under brakes and budgets and with its probes.";
      example = ''"hold"'';
    };
    withoutControlPlane = {
      type = types.oneOf [
        "hold"
        "timed"
      ];
      default = "hold";
      description = "Without a control plane no host starts a switch (`hold`), or each wave starts at a fixed time (`timed`, which needs `confirm.by = \"local\"`).";
      example = ''"timed"'';
    };
    fetchesMax = {
      type = types.nullOr (
        types.int {
          min = 1;
          max = 10000;
        }
      );
      default = null;
      description = "Most hosts of the channel that download at once, for a cache behind a thin line. Null: no limit.";
      example = "10";
    };
    compliance = {
      type = types.nullOr compliance;
      default = null;
      description = "Compliance as a gate of the channel's releases, in place of the fleet's. Null: the fleet's. What is evaluated on a host may be narrower or wider: a host's own or its tags' policy.";
      example = ''{ mode = "enforce"; frameworks = [ "nis2" ]; }'';
    };
    signersMin = {
      type = types.int {
        min = 1;
        max = 16;
      };
      default = 1;
      description = "How many release signers trust must demand for this channel, at least; a release under a trust document that demands fewer is refused. What agents demand is said by trust alone.";
      example = "2";
    };
    windows = {
      type = types.nullOr (
        types.listOf {
          of = times.window;
          min = 1;
          max = 32;
        }
      );
      default = null;
      description = "When switches may start; what runs when a window closes is finished. Null: always. Resolved to UTC for 400 days by each release.";
      example = ''[ { days = [ "mon" "tue" "wed" "thu" ]; start = "22:00"; durationMinutes = 240; timezone = "Europe/Paris"; } ]'';
    };
    freezes = {
      type = types.listOf {
        max = 3000;
        of = times.freeze;
      };
      default = [ ];
      description = "Spans in which the channel starts nothing, whatever its windows say.";
      example = ''[ { from = "2026-12-23T18:00"; to = "2027-01-04T08:00"; timezone = "Europe/Paris"; reason = "end of year"; } ]'';
    };
    pin = {
      type = types.nullOr pin;
      default = null;
      description = "Pins every host of the channel that neither itself nor by a tag is pinned.";
      example = ''{ commit = "8b3f0c2d9a1e4f5b6c7d8e9f0a1b2c3d4e5f6a7b"; reason = "waiting for the vendor"; }'';
    };
    healthChecks = {
      type = healthChecks;
      default = { };
      description = "Probes of every host of the channel, in place of those of the same name from tags and fleet.";
      example = ''{ units = { kind = "systemd"; }; }'';
    };
  };
}
