# What is allowed, and probably not meant.
{
  lib,
  selectors,
  selectorsOf,
  scopes,
  fleet,
  channelWaves,
  resolved,
}:
let
  inherit (builtins)
    attrNames
    concatMap
    concatStringsSep
    elemAt
    filter
    genList
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

  # As a release reckons it: of count and percent the smaller, at least one.
  limitOf =
    budget:
    let
      hosts = length budget.hosts;
      byCount = budget.maxInFlight or hosts;
      byPercent = hosts * (budget.maxInFlightPercent or 100) / 100;
      smaller = if byCount < byPercent then byCount else byPercent;
    in
    if smaller < 1 then 1 else smaller;
  tightHostsMin = 10;
  budgets = concatMap (
    budget:
    let
      hosts = length budget.hosts;
      limit = limitOf budget;
      about = "disruptionBudgets: ${quote budget.name}";
    in
    if hosts == 0 then
      [ "${about} covers no host" ]
    else if limit == 1 && hosts >= tightHostsMin then
      [ "${about} lets one of ${toString hosts} hosts switch at a time; a rollout takes as many turns" ]
    else if limit >= hosts then
      [ "${about} lets all of its ${toString hosts} hosts switch at once, so it limits nothing" ]
    else
      [ ]
  ) resolved.disruptionBudgets;

  # Of the hosts of a wave, as a release and its agents reckon it: rounded up.
  shareOf = percent: hosts: (percent * length hosts + 99) / 100;
  # As a planner reckons it: of count and percent the smaller, rounded down.
  borneOf =
    { count, percent }:
    hosts:
    let
      byPercent = percent * hosts / 100;
    in
    if percent == null then
      count
    else if count == null || byPercent < count then
      byPercent
    else
      count;

  # What is to let a rollout go on without some hosts, where the receipts of all of them are demanded all the same.
  withoutEffect = concatMap (
    channel:
    let
      inherit (channelWaves.${channel}) waves;
      inherit (fleet.channels.${channel}) offline rolloutPolicy;
      borne = borneOf fleet.rolloutPolicies.${rolloutPolicy}.maxFailures (length (concatMap (wave: wave.hosts) waves));
      # The last wave has none after it that would wait.
      earlier = test: filter (index: test (elemAt waves index)) (genList (index: index) (length waves - 1));
      demandsAll = { promoteWhen, ... }: promoteWhen.receiptsPercent == 100;
      toldOf =
        what: indices: why:
        if indices == [ ] then
          [ ]
        else
          [ "channels.${channel}: ${what} wave ${concatStringsSep ", " (map toString indices)}, since ${why} there" ];
    in
    toldOf "offline.graceSeconds lets no host be left out of" (
      if offline.graceSeconds == null then [ ] else earlier demandsAll
    ) "promoteWhen.receiptsPercent is 100"
    ++
      toldOf "promoteWhen.convergedPercent lets no host be left out of"
        (earlier (
          wave: demandsAll wave && shareOf wave.promoteWhen.convergedPercent wave.hosts < length wave.hosts
        ))
        "promoteWhen.receiptsPercent is 100"
    # A wave of one host has nothing to go on with: without it there is no receipt.
    ++
      toldOf "maxFailures lets no failed host be left out of"
        (
          if borne == 0 then
            [ ]
          else
            earlier (
              { promoteWhen, hosts, ... }:
              length hosts > 1
              && (
                shareOf promoteWhen.convergedPercent hosts == length hosts
                || shareOf promoteWhen.receiptsPercent hosts == length hosts
              )
            )
        )
        "promoteWhen demands all of its hosts"
  ) (attrNames fleet.channels);

  # A system has the name, keys and disks of one host.
  pinnedSystems = builtins.groupBy ({ closure, ... }: closure) (
    concatMap (
      name:
      let
        host = resolved.hosts.${name};
        pins = (if host ? pin then [ host.pin ] else [ ]) ++ (host.widerPins or [ ]);
      in
      map ({ closure, ... }: { inherit name closure; }) (filter (pin: pin ? closure) pins)
    ) (attrNames resolved.hosts)
  );
  sharedSystems = concatMap (
    closure:
    let
      names = map ({ name, ... }: "hosts.${name}") pinnedSystems.${closure};
    in
    if length names < 2 then
      [ ]
    else
      [ "${concatStringsSep ", " names}: pinned to one system, ${closure}, which is one host's; pin them to a commit, or each to its own" ]
  ) (attrNames pinnedSystems);

  # Hosts of one channel and the same tags inherit alike: what a wider scope hides from another is told once.
  shadowing = attrNames (
    lib.lists.toSet (concatMap (name: scopes.shadowing fleet name fleet.hosts.${name}) (attrNames fleet.hosts))
  );
in
unknownTags ++ emptyWaves ++ allAtOnce ++ budgets ++ withoutEffect ++ sharedSystems ++ shadowing
