# What is done now and then and can be shown only afterwards: whoever does it leaves a record on the host, which a probe reads.
# Without one that is declared nothing is measured, and the rule says so.
#
#   { "kind": "restore-test", "endedAt": "2026-06-01T08:00:00Z", "outcome": "passed" | "failed" }
{ types, given }:
let
  dayHours = 24;
in
{
  # The option that names the record. `what`: who writes it, and when.
  option = what: {
    type = types.nullOr (types.text {
      says = "an absolute path";
      pattern = "/[^[:cntrl:]]*";
      bytesMax = 1024;
    });
    default = null;
    direction = "declared";
    description = "The record of ${what}, see packages/probes/README.md, drill-record.";
  };

  # `measure`: of the control. Null where no record is declared.
  check =
    measure:
    {
      file,
      kind,
      maxAgeDays,
    }:
    if file == null then
      null
    else
      measure {
        name = "drill-record";
        args =
          given "--file" file
          ++ given "--kind" kind
          # The day on which the next one is done still counts.
          ++ given "--max-age-hours" ((maxAgeDays + 1) * dayHours);
      };

  days = {
    daily = 1;
    weekly = 7;
    monthly = 31;
    quarterly = 92;
  };
}
