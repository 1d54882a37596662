# Which of two values of an option is the stricter one, by the direction that the option declares.
#
#   max | min     the larger | smaller: of numbers, of words by their scale, of spans such as 4h; of sets, member by member
#   any | all     true if one | each is
#   intersect     what is in both
#   declared      describes the host: frameworks have no say, so it is never merged
{ lib }:
let
  inherit (builtins)
    elem
    elemAt
    filter
    isAttrs
    isString
    mapAttrs
    match
    ;

  minutes = {
    m = 1;
    h = 60;
    d = 24 * 60;
  };
  rank =
    scale: value:
    if scale != null then
      let
        position = lib.lists.positionOf value scale;
      in
      if position == null then throw "${lib.show.brief value} is not on the scale ${lib.show.toNix scale}" else position
    else if isString value then
      let
        parts = match "([0-9]+)([mhd])" value;
      in
      if parts == null then
        throw "${lib.show.brief value} is no span such as 4h"
      else
        lib.numbers.number (elemAt parts 0) * minutes.${elemAt parts 1}
    else
      value;
in
rec {
  # { direction, scale ? null } → value → value → the stricter one.
  stricter =
    option@{
      direction,
      scale ? null,
      ...
    }:
    a: b:
    if direction == "any" then
      a || b
    else if direction == "all" then
      a && b
    else if direction == "intersect" then
      filter (entry: elem entry b) a
    else if direction == "declared" then
      throw "an option that describes the host is not merged"
    else if isAttrs a then
      mapAttrs (name: value: stricter option value b.${name}) a
    else if direction == "max" then
      (if rank scale a >= rank scale b then a else b)
    else
      (if rank scale a <= rank scale b then a else b);

  # Whether `value` asks for less than `floor` does.
  isWeaker = option: value: floor: stricter option value floor != value;
}
