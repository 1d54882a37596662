# What no single option can see: names that must exist, order that must end, keys that must differ.
#
# `fleet` holds what the schema accepts, with defaults; `declared` the names as written, so that an entry left out for
# another problem is not reported again as missing.
{
  lib,
  selectors,
  scopes,
  cycles,
}:
let
  inherit (builtins)
    attrNames
    concatLists
    concatMap
    concatStringsSep
    elemAt
    filter
    groupBy
    head
    isAttrs
    length
    map
    match
    ;
  inherit (lib.lists) duplicates indexedMap toSet;
  inherit (lib.show) quote;

  # Most probes of one host, as agents read them.
  healthChecksMax = 64;

  perHost = fleet: f: concatMap (name: f name fleet.hosts.${name}) (attrNames fleet.hosts);
  compliance = import ./compliance-invariants.nix { inherit lib scopes; };

  # `path` must hold one of the names under `collection`.
  mustExist =
    declared: collection: path: name:
    let
      near = lib.nearest.nearest name (attrNames declared.${collection});
    in
    if declared.${collection} ? ${name} then
      [ ]
    else
      [
        {
          inherit path;
          value = name;
          rule = "expected a name declared under ${collection}";
          fix = if near == null then "declare ${collection}.${name}, or correct the name" else "did you mean ${quote near}?";
        }
      ];

  references =
    { fleet, declared }:
    perHost fleet (name: host: mustExist declared "channels" "hosts.${name}.channel" host.channel)
    ++ concatMap (
      name: mustExist declared "rolloutPolicies" "channels.${name}.rolloutPolicy" fleet.channels.${name}.rolloutPolicy
    ) (attrNames fleet.channels)
    ++ edgeEnds declared "hosts" "edges" fleet.edges
    ++ edgeEnds declared "channels" "channelEdges" fleet.channelEdges
    ++ concatMap (
      { selector, path }:
      concatMap (reference: mustExist declared reference.kind reference.path reference.name) (
        filter (reference: reference.kind != "tags") (selectors.references selector path)
      )
    ) (selectorsOf fleet);

  edgeEnds =
    declared: collection: option: edges:
    concatLists (
      indexedMap (
        index: edge:
        concatMap (end: mustExist declared collection "${option}[${toString index}].${end}" edge.${end}) [
          "gated"
          "gates"
        ]
      ) edges
    );

  # Every selector of the fleet with its path.
  selectorsOf =
    fleet:
    concatMap (
      name:
      filter ({ selector, ... }: selector != null) (
        indexedMap (index: wave: {
          inherit (wave) selector;
          path = "rolloutPolicies.${name}.waves[${toString index}].selector";
        }) fleet.rolloutPolicies.${name}.waves
      )
    ) (attrNames fleet.rolloutPolicies)
    ++ indexedMap (index: budget: {
      inherit (budget) selector;
      path = "disruptionBudgets[${toString index}].selector";
    }) fleet.disruptionBudgets;

  oneChannel =
    { fleet, ... }:
    concatLists (
      indexedMap (
        index: edge:
        let
          channel = name: fleet.hosts.${name}.channel;
        in
        if
          !(fleet.hosts ? ${edge.gated} && fleet.hosts ? ${edge.gates}) || channel edge.gated == channel edge.gates
        then
          [ ]
        else
          [
            {
              path = "edges[${toString index}]";
              value = "${edge.gated} after ${edge.gates}";
              rule = "both hosts of an edge are of one channel; ${edge.gated} is of ${channel edge.gated}, ${edge.gates} of ${channel edge.gates}";
              fix = "order the channels with channelEdges";
            }
          ]
      ) fleet.edges
    );

  acyclic =
    option: edges:
    let
      cycle = cycles.findCycle edges;
    in
    if cycle == null then
      [ ]
    else
      [
        {
          path = option;
          value = edges;
          rule = "edges form no cycle; here each waits for the next: ${concatStringsSep " → " (cycle ++ [ (head cycle) ])}";
          fix = "remove one of these edges";
        }
      ];

  # A key stands for one identity: the control plane knows a caller by nothing else.
  distinctKeys =
    { fleet, ... }:
    let
      keysOf =
        collection: entries:
        concatMap (
          name:
          indexedMap (index: key: {
            inherit key;
            path = "${collection}.${name}.pubkeys[${toString index}]";
          }) entries.${name}.pubkeys
        ) (attrNames entries);
      uses = groupBy (use: use.key) (keysOf "hosts" fleet.hosts ++ keysOf "operators" fleet.operators);
      repeated = filter (key: length uses.${key} > 1) (attrNames uses);
    in
    map (key: {
      inherit (elemAt uses.${key} 1) path;
      value = key;
      rule = "a key stands for one identity; this one is also ${(head uses.${key}).path}";
      fix = "give each its own key: ssh-keygen -t ed25519";
    }) repeated;

  decidedPins =
    { fleet, ... }:
    perHost fleet (
      name: host:
      let
        tags = scopes.pinConflict fleet host;
      in
      if tags == [ ] then
        [ ]
      else
        [
          {
            path = "hosts.${name}.tags";
            value = host.tags;
            rule = "at most one tag of a host is pinned; here ${concatStringsSep " and " tags} are";
            fix = "set hosts.${name}.pin without an end, or remove the pin of a tag";
          }
        ]
    );

  decidedHealthChecks =
    { fleet, ... }:
    perHost fleet (
      name: host:
      let
        conflicts = scopes.healthCheckConflicts fleet host;
        count = length (attrNames (scopes.healthChecksOf fleet host));
      in
      map (check: {
        path = "hosts.${name}.tags";
        value = host.tags;
        rule = "tags of a host agree on a health check; ${concatStringsSep " and " conflicts.${check}} declare ${check} differently";
        fix = "set hosts.${name}.healthChecks.${check}, or name the checks apart";
      }) (attrNames conflicts)
      ++ (
        if count <= healthChecksMax then
          [ ]
        else
          [
            {
              path = "hosts.${name}.healthChecks";
              value = count;
              rule = "a host has at most ${toString healthChecksMax} health checks, of all scopes together";
              fix = "declare fewer, or at a narrower scope";
            }
          ]
      )
    );

  decidedCompliance =
    { fleet, ... }:
    perHost fleet (
      name: host:
      let
        tags = scopes.complianceConflict fleet host;
      in
      if tags == [ ] then
        [ ]
      else
        [
          {
            path = "hosts.${name}.tags";
            value = host.tags;
            rule = "tags of a host agree on compliance; ${concatStringsSep " and " tags} differ";
            fix = "set hosts.${name}.compliance, or that of its channel";
          }
        ]
    );

  # A name that nobody knows would be a gate that passes everything.
  knownFrameworks =
    { fleet, ... }:
    let
      ofPolicy =
        path: scope:
        if scope.compliance == null then
          [ ]
        else
          indexedMap (index: name: {
            inherit name;
            path = "${path}compliance.frameworks[${toString index}]";
          }) scope.compliance.frameworks;
      ofChecks =
        path: scope:
        concatMap (
          check:
          let
            name = scope.healthChecks.${check}.framework or null;
          in
          if name == null then
            [ ]
          else
            [
              {
                inherit name;
                path = "${path}healthChecks.${check}.framework";
              }
            ]
        ) (attrNames scope.healthChecks);
      inScope = path: scope: ofPolicy path scope ++ ofChecks path scope;
      within =
        collection: concatMap (name: inScope "${collection}.${name}." fleet.${collection}.${name}) (attrNames fleet.${collection});
      known = toSet fleet.complianceFrameworks;
      uses = inScope "" fleet ++ within "channels" ++ within "tags" ++ within "hosts";
    in
    map (
      { path, name }:
      let
        near = lib.nearest.nearest name fleet.complianceFrameworks;
      in
      {
        inherit path;
        value = name;
        rule = "expected a framework named under complianceFrameworks: ${concatStringsSep ", " fleet.complianceFrameworks}";
        fix = if near == null then "add it to complianceFrameworks, or correct the name" else "did you mean ${quote near}?";
      }
    ) (filter (use: !(known ? ${use.name})) uses);

  distinctBudgets =
    { fleet, ... }:
    map (name: {
      path = "disruptionBudgets";
      value = name;
      rule = "each budget has a name of its own";
      fix = "rename one, or join their selectors with `or`";
    }) (duplicates (map (budget: budget.name) fleet.disruptionBudgets));

  # A host must not wait for one of a later wave: that wave would wait for it.
  edgesFollowWaves =
    { fleet, waveOf, ... }:
    concatLists (
      indexedMap (
        index: edge:
        if waveOf.${edge.gated} >= waveOf.${edge.gates} then
          [ ]
        else
          [
            {
              path = "edges[${toString index}]";
              value = "${edge.gated} after ${edge.gates}";
              rule = "a host waits for none of a later wave; ${edge.gated} is in wave ${toString waveOf.${edge.gated}}, ${edge.gates} in wave ${toString waveOf.${edge.gates}} (from 0)";
              fix = "remove the edge, or move ${edge.gates} to an earlier wave";
            }
          ]
      ) fleet.edges
    );

  # A pinned line of the schema may carry a comment; what is compared and emitted is kind and key.
  strippedKey =
    line:
    let
      parts = match "([^ ]+) +([^ \t\n]+).*" (builtins.replaceStrings [ "\n" ] [ "" ] line);
    in
    "${elemAt parts 0} ${elemAt parts 1}";
in
{
  inherit strippedKey selectorsOf;

  # Names under each collection, as written. Anything but attribute sets declares nothing.
  declaredNames =
    options:
    lib.attrs.genAttrs [ "hosts" "channels" "rolloutPolicies" ] (
      collection: if isAttrs (options.${collection} or null) then options.${collection} else { }
    );

  # All problems that can be seen before waves are resolved.
  problems =
    context:
    references context
    ++ oneChannel context
    ++ acyclic "edges" context.fleet.edges
    ++ acyclic "channelEdges" context.fleet.channelEdges
    ++ distinctKeys context
    ++ decidedPins context
    ++ decidedHealthChecks context
    ++ decidedCompliance context
    ++ compliance.problems context
    ++ knownFrameworks context
    ++ distinctBudgets context;

  inherit (compliance) weakenedOf;

  # Those that need the resolved waves, which need everything else in order. waveOf: host → index.
  waveProblems = edgesFollowWaves;
}
