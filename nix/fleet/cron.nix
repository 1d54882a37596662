# Five fields of cron → the days and starts of a change window.
{ lib }:
let
  inherit (builtins)
    concatMap
    elemAt
    filter
    genList
    isString
    length
    map
    match
    sort
    split
    toString
    ;
  inherit (lib.numbers) number;

  # Starts a window rule may have, as readers of the signed document accept: every ten minutes.
  startsMax = 144;

  monthNames = [
    "jan"
    "feb"
    "mar"
    "apr"
    "may"
    "jun"
    "jul"
    "aug"
    "sep"
    "oct"
    "nov"
    "dec"
  ];
  # Cron's days begin with Sunday, which is 0 and 7.
  dayNames = [
    "sun"
    "mon"
    "tue"
    "wed"
    "thu"
    "fri"
    "sat"
  ];

  fields = [
    {
      what = "minute";
      min = 0;
      max = 59;
      names = [ ];
    }
    {
      what = "hour";
      min = 0;
      max = 23;
      names = [ ];
    }
    {
      what = "day of the month";
      min = 1;
      max = 31;
      names = [ ];
    }
    {
      what = "month";
      min = 1;
      max = 12;
      names = monthNames;
    }
    {
      what = "day of the week";
      min = 0;
      max = 7;
      names = dayNames;
    }
  ];

  words = separator: text: filter (part: isString part && part != "") (split separator text);
  range = from: to: genList (index: from + index) (to - from + 1);
  everyNth = step: list: genList (index: elemAt list (index * step)) ((length list + step - 1) / step);
  ascending = list: sort (a: b: a < b) (map number (lib.lists.distinct (map toString list)));

  # A number or name of a field → number; null if it is neither.
  valueOf =
    field: text:
    let
      position = lib.lists.positionOf text field.names;
      value = if match "[0-9]{1,2}" text != null then number text else null;
    in
    if position != null then
      position + field.min
    else if value != null && value >= field.min && value <= field.max then
      value
    else
      null;

  # One of the parts between commas → numbers; null if it makes no sense.
  partOf =
    field: text:
    let
      stepped = match "([^/]+)/([0-9]{1,2})" text;
      body = if stepped == null then text else elemAt stepped 0;
      step = if stepped == null then 1 else number (elemAt stepped 1);
      bounds = match "([^-]+)-([^-]+)" body;
      from = valueOf field (if bounds == null then body else elemAt bounds 0);
      to = if bounds == null then from else valueOf field (elemAt bounds 1);
    in
    if step == 0 then
      null
    else if body == "*" then
      everyNth step (range field.min (if field.max == 7 then 6 else field.max))
    # A step needs something to step through: what cron makes of 5/10 differs between its versions.
    else if from == null || to == null || from > to || (stepped != null && bounds == null) then
      null
    else
      everyNth step (range from to);

  # → { values } in order, or { problem }. `*` is { values = null; }.
  fieldOf =
    index: text:
    let
      field = elemAt fields index;
      parts = words "," text;
      parsed = map (partOf field) parts;
      wrong = filter (at: elemAt parsed at == null) (genList (at: at) (length parts));
      names = if field.names == [ ] then "" else " or ${elemAt field.names 0} to ${lib.lists.last field.names}";
    in
    if text == "*" then
      {
        values = null;
        problem = null;
      }
    else if parts == [ ] || match ".*(^,|,,|,$).*" text != null then
      { problem = "the ${field.what} has an empty part: ${text}"; }
    else if wrong != [ ] then
      {
        problem = "the ${field.what} is ${toString field.min} to ${toString field.max}${names}, *, a list, a range or a range with a step; not ${elemAt parts (builtins.head wrong)}";
      }
    else
      {
        values = ascending (builtins.concatLists parsed);
        problem = null;
      };

  twoDigits = n: if n < 10 then "0${toString n}" else toString n;

  parse =
    text:
    let
      given = words "[ \t]+" text;
      parsed = lib.lists.indexedMap fieldOf given;
      problems = filter (problem: problem != null) (map (field: field.problem) parsed);
      minutes = (elemAt parsed 0).values;
      hours = (elemAt parsed 1).values;
      daysOfMonth = (elemAt parsed 2).values;
      days = (elemAt parsed 4).values;
      starts = concatMap (hour: map (minute: "${twoDigits hour}:${twoDigits minute}") (orEvery 0 59 minutes)) (
        orEvery 0 23 hours
      );
      orEvery =
        from: to: values:
        if values == null then range from to else values;
      problem =
        if length given != 5 then
          "write five fields, as in 0 22 * * mon-thu; here are ${toString (length given)}"
        else if problems != [ ] then
          builtins.head problems
        else if daysOfMonth != null && days != null then
          "give the day of the month or the day of the week, or write start with daysOfMonth and days"
        else if length starts > startsMax then
          "opens ${toString (length starts)} times a day, at most ${toString startsMax}: open less often, for longer"
        else
          null;
    in
    if problem != null then
      { inherit problem; }
    else
      {
        problem = null;
        inherit starts daysOfMonth;
        months = (elemAt parsed 3).values;
        # In the order of the week, Sunday last.
        days =
          if days == null then
            null
          else
            filter (name: builtins.elem name (map (day: elemAt dayNames (lib.numbers.remainder day 7)) days)) (
              lib.lists.drop 1 dayNames ++ [ "sun" ]
            );
      };
in
{
  inherit parse;
}
