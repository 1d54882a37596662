# What is allowed, and probably not meant.
{
  lib,
  selectors,
  selectorsOf,
  fleet,
  channelWaves,
  resolved,
}:
let
  inherit (builtins)
    attrNames
    concatMap
    filter
    head
    length
    map
    toString
    ;
  inherit (lib.show) quote;

  carried = lib.lists.toSet (concatMap (name: fleet.hosts.${name}.tags) (attrNames fleet.hosts));

  unknownTags = concatMap (
    { selector, path }:
    map (reference: "${reference.path}: no host carries the tag ${quote reference.name}") (
      filter (reference: reference.kind == "tags" && !(carried ? ${reference.name})) (selectors.references selector path)
    )
  ) (selectorsOf fleet);

  emptyWaves = concatMap (
    channel:
    map (
      index:
      "channels.${channel}: no host of it is in wave ${toString index} of rolloutPolicies.${fleet.channels.${channel}.rolloutPolicy}"
    ) channelWaves.${channel}.empty
  ) (attrNames fleet.channels);

  # More hosts than a person watches at once.
  hostsAtOnceMax = 10;
  allAtOnce = concatMap (
    channel:
    let
      inherit (channelWaves.${channel}) waves;
      count = length (head waves).hosts;
      policy = fleet.channels.${channel}.rolloutPolicy;
    in
    if
      length waves == 1 && count >= hostsAtOnceMax && fleet.rolloutPolicies.${policy}.strategy != "all-at-once"
    then
      [
        ''channels.${channel}: all ${toString count} hosts are in one wave; if that is meant, say strategy = "all-at-once" in rolloutPolicies.${policy}''
      ]
    else
      [ ]
  ) (attrNames fleet.channels);

  emptyBudgets = map (budget: "disruptionBudgets: ${quote budget.name} covers no host") (
    filter (budget: budget.hosts == [ ]) resolved.disruptionBudgets
  );
in
unknownTags ++ emptyWaves ++ allAtOnce ++ emptyBudgets
