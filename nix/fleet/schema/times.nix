# When a channel may start switches: change windows and freezes.
{
  types,
  scalars,
  cron,
}:
let
  weekDays = [
    "mon"
    "tue"
    "wed"
    "thu"
    "fri"
    "sat"
    "sun"
  ];
  calendar = [
    "days"
    "daysOfMonth"
    "months"
  ];
  every =
    {
      of,
      max,
    }:
    types.nullOr (
      types.listOf {
        inherit of max;
        min = 1;
        isSet = true;
      }
    );
in
{
  window = types.record {
    title = "change window";
    rules = [
      {
        holds = value: (value.start == null) != (value.cron == null);
        reads = [
          "start"
          "cron"
        ];
        rule = "a window opens at one start, or as cron says";
        fix = "set one of start and cron";
      }
      {
        holds = value: value.cron == null || builtins.all (name: value.${name} == null) calendar;
        reads = calendar ++ [ "cron" ];
        rule = "with cron, the days are in it";
        fix = "remove days, daysOfMonth and months, or write start instead of cron";
      }
    ];
    options = {
      days = {
        type = every {
          of = types.oneOf weekDays;
          max = 7;
        };
        default = null;
        description = "Days of the week on which the window opens. It may close on the next.";
        example = ''[ "mon" "tue" "wed" "thu" ]'';
      };
      daysOfMonth = {
        type = every {
          of = types.int {
            min = 1;
            max = 31;
          };
          max = 31;
        };
        default = null;
        description = "Days of the month on which it opens. With `days`, those that are both: the first Tuesday is the Tuesday among 1 to 7.";
        example = "[ 1 2 3 4 5 6 7 ]";
      };
      months = {
        type = every {
          of = types.int {
            min = 1;
            max = 12;
          };
          max = 12;
        };
        default = null;
        description = "Months in which it opens.";
        example = "[ 1 4 7 10 ]";
      };
      start = {
        type = types.nullOr scalars.timeOfDay;
        default = null;
        description = "The time of day at which it opens. Where clocks skip it, the moment they do; where it comes twice, the first.";
        example = ''"22:00"'';
      };
      cron = {
        type = types.nullOr (
          types.text {
            says = "five fields of cron: minute, hour, day of the month, month, day of the week";
            bytesMax = 256;
            test = text: (cron.parse text).problem == null;
            fix = value: if builtins.isString value then (cron.parse value).problem else ''for example "0 22 * * mon-thu"'';
          }
        );
        default = null;
        description = "The same as `start` and the days, in five fields. Day of the month and day of the week cannot both be given: cron takes either then, which is hardly ever meant.";
        example = ''"0 22 * * mon-thu"'';
      };
      durationMinutes = {
        type = types.int {
          min = 1;
          max = 7 * 24 * 60;
        };
        description = "How long it stays open, exactly: on the night clocks change it closes an hour earlier or later by the clock on the wall.";
        example = "240";
      };
      timezone = {
        type = scalars.timezone;
        description = "The clock that `start` or `cron` goes by.";
        example = ''"Europe/Paris"'';
      };
    };
  };

  freeze = types.record {
    title = "freeze";
    rules = [
      {
        holds = value: value.timezone == null || (scalars.isLocal value.from && scalars.isLocal value.to);
        rule = "with a timezone, from and to are local times";
        fix = "write them as 2026-12-23T18:00, or remove timezone";
      }
      {
        holds = value: value.timezone != null || (scalars.isInstant value.from && scalars.isInstant value.to);
        rule = "local times need a timezone";
        fix = ''set timezone = "Europe/Paris", or write instants such as 2026-12-23T18:00:00Z'';
      }
      {
        holds = value: value.from < value.to;
        rule = "a freeze ends after it starts";
        fix = "swap from and to, or correct one";
      }
    ];
    options = {
      from = {
        type = scalars.instantOrLocal;
        description = "When it begins.";
        example = ''"2026-12-23T18:00"'';
      };
      to = {
        type = scalars.instantOrLocal;
        description = "When it is over.";
        example = ''"2027-01-04T08:00"'';
      };
      timezone = {
        type = types.nullOr scalars.timezone;
        default = null;
        description = "The clock that `from` and `to` go by. Null: they are instants in UTC.";
        example = ''"Europe/Paris"'';
      };
      reason = {
        type = scalars.reason;
        description = "Shown to whoever asks why nothing starts.";
        example = ''"end of year"'';
      };
    };
  };
}
