# What rules say of drills: `compliance.release.drills`, the records of this host's channel that a release was made from. Those that
# fail in the configuration reach no host, and show nothing of going back.
{ checks }:
let
  inherit (builtins)
    filter
    foldl'
    fromJSON
    isInt
    isList
    match
    ;
  inherit (checks) at isOn wantOf;
  path = "compliance.release.drills";
  drill = "compliance.controls.syntheticAlwaysFail";
  daySeconds = 86400;

  daysOf = {
    weekly = 7;
    monthly = 31;
    quarterly = 92;
    yearly = 366;
  };
  # 4h → seconds.
  secondsOf =
    span:
    let
      parts = match "([0-9]+)([mhd])" span;
      unit = {
        m = 60;
        h = 3600;
        d = daySeconds;
      };
    in
    fromJSON (builtins.head parts) * unit.${builtins.elemAt parts 1};
in
{
  # Age in days of the newest drill that passed on a host, within `target` (a span) where one is given. While a drill is under way it
  # is none: otherwise no drill could ever be released where the last one is too old.
  wantRecent =
    config:
    {
      interval,
      target ? null,
    }:
    let
      now = at "compliance.release.evaluatedAt" config;
      known = at path config;
      until = at "${drill}.until" config;
      isUnderWay = isOn "${drill}.enable" config && isInt until && isInt now && now < until;
      counts =
        record:
        record.passed
        && record.failAt != "static"
        && record.endedAt <= now
        && (target == null || record.durationSeconds <= secondsOf target);
      newest = foldl' (newest: record: if record.endedAt > newest then record.endedAt else newest) (-1) (
        filter counts (if isList known && isInt now then known else [ ])
      );
      within = if target == null then "" else ", back within ${target}";
    in
    wantOf {
      option = path;
      what = "days since one passed${within}";
      observed =
        if isUnderWay then
          0
        else if newest < 0 then
          null
        else
          (now - newest) / daySeconds;
      expect."$le" = daysOf.${interval};
      fix = "nixfleet compliance drill start, release it, and commit what nixfleet compliance drill record writes";
    };
}
