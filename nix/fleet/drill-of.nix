# What `nixfleet compliance drill` leaves in a fleet's repository, for the options `drill` and `release.drills` of mkFleet:
#
#   mkFleet { drill = nixfleet.lib.drillOf ./compliance; release.drills = nixfleet.lib.drillsOf ./compliance; … }
#
# A release verifies the signatures of the records that it is made from; nothing here does.
let
  inherit (builtins)
    attrNames
    fromJSON
    match
    pathExists
    readDir
    readFile
    substring
    ;

  leading = text: let found = match "0*([0-9]+)" text; in fromJSON (builtins.head found);

  # Days from 1970-01-01 to a day of the Gregorian calendar, by years that begin in March.
  daysTo =
    {
      year,
      month,
      day,
    }:
    let
      y = if month <= 2 then year - 1 else year;
      monthFromMarch = if month > 2 then month - 3 else month + 9;
    in
    y * 365 + y / 4 - y / 100 + y / 400 + (153 * monthFromMarch + 2) / 5 + day - 1 - 719468;

  # `2026-06-01T08:00:00Z` → seconds since 1970.
  secondsOf =
    instant:
    let
      part = from: length: leading (substring from length instant);
      days = daysTo {
        year = part 0 4;
        month = part 5 2;
        day = part 8 2;
      };
    in
    if match "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z" instant == null then
      throw "drillsOf: ${instant} is no instant such as 2026-06-01T08:00:00Z"
    else
      ((days * 24 + part 11 2) * 60 + part 14 2) * 60 + part 17 2;
in
{
  # The drill that is under way, or null.
  drillOf =
    folder:
    let
      plan = fromJSON (readFile (folder + "/drill.json"));
    in
    if pathExists (folder + "/drill.json") then { inherit (plan) failAt until hosts; } else null;

  # Those that were recorded: [ { id; failAt; hosts; passed; endedAt; durationSeconds; } ], in seconds since 1970.
  drillsOf =
    folder:
    let
      drills = folder + "/drills";
      names = if pathExists drills then attrNames (readDir drills) else [ ];
      recordOf =
        name:
        let
          record = fromJSON (readFile (drills + "/${name}"));
          endedAt = secondsOf record.endedAt;
        in
        {
          inherit (record) id failAt hosts passed;
          inherit endedAt;
          durationSeconds = endedAt - secondsOf record.startedAt;
        };
    in
    map recordOf (builtins.filter (name: match "D-[0-9]{4}-[0-9]{4}\\.json" name != null) names);
}
