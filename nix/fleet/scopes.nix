# What a host inherits: probes, compliance policy and pins of its tags and its channel. Host over channel over tag over fleet.
{ lib }:
let
  inherit (builtins)
    attrNames
    concatMap
    filter
    foldl'
    groupBy
    head
    length
    mapAttrs
    tail
    ;
  inherit (lib.attrs) dropNulls filterAttrs;

  # The declared tags of a host, as { name, tag }. Undeclared ones say nothing.
  declaredTags =
    fleet: host:
    concatMap (
      name:
      if fleet.tags ? ${name} then
        [
          {
            inherit name;
            tag = fleet.tags.${name};
          }
        ]
      else
        [ ]
    ) host.tags;

  channelOf =
    fleet: host:
    fleet.channels.${host.channel} or {
      pin = null;
      compliance = null;
      healthChecks = { };
    };

  # Everything a host inherits from, narrowest first, with the path that people read. The fleet comes last.
  scopesOf =
    fleet: name: host:
    [
      {
        path = "hosts.${name}";
        scope = host;
      }
      {
        path = "channels.${host.channel}";
        scope = channelOf fleet host;
      }
    ]
    ++ map (
      { name, tag }:
      {
        path = "tags.${name}";
        scope = tag;
      }
    ) (declaredTags fleet host)
    ++ [
      {
        path = "the fleet";
        scope = fleet;
      }
    ];

  # Values with a mode at several scopes, narrowest first, [ { path, value } ] → "who replaces whom" where they differ.
  replaced =
    what: given:
    if given == [ ] then
      [ ]
    else
      map (other: "${(head given).path}: ${what} replaces that of ${other.path}") (
        filter (other: other.value != (head given).value && other.value.mode != "disabled") (tail given)
      );

  # How strong a mode is.
  modeRank = {
    disabled = 0;
    permissive = 1;
    enforce = 2;
  };
  strongest = a: b: if modeRank.${a} >= modeRank.${b} then a else b;
  isOfTag = { path, ... }: builtins.substring 0 5 path == "tags.";
  reversed = foldl' (found: entry: [ entry ] ++ found) [ ];

  tagsWith = option: fleet: host: filter ({ tag, ... }: tag.${option} != null) (declaredTags fleet host);
  # The first of host, tag and channel that says something; null if none does.
  narrowest =
    order: option: fleet: host:
    let
      tags = tagsWith option fleet host;
      scopes = {
        host = host.${option};
        tag = if tags == [ ] then null else (head tags).tag.${option};
        channel = (channelOf fleet host).${option};
      };
    in
    foldl' (found: scope: if found != null then found else scopes.${scope}) null order;
in
rec {
  # One probe replaces another of the same name whole: fields of two declarations never mix.
  healthChecksOf =
    fleet: host:
    let
      ofTags = foldl' (checks: { tag, ... }: checks // tag.healthChecks) { } (declaredTags fleet host);
      checks = fleet.healthChecks // ofTags // (channelOf fleet host).healthChecks // host.healthChecks;
    in
    mapAttrs (_: dropNulls) checks;

  # { commit | closure, reason, expiresAt? } in the order host, tag, channel, up to the first without an end: what is wider than that
  # never counts.
  pinsOf =
    fleet: host:
    let
      ofTag = map ({ tag, ... }: tag.pin) (tagsWith "pin" fleet host);
      ofChannel = (channelOf fleet host).pin;
      declared = filter (pin: pin != null) (
        [ host.pin ] ++ (if ofTag == [ ] then [ ] else [ (head ofTag) ]) ++ [ ofChannel ]
      );
      reachable =
        pins:
        if pins == [ ] then
          [ ]
        else
          [ (head pins) ] ++ (if (head pins).expiresAt == null then [ ] else reachable (tail pins));
    in
    map dropNulls (reachable declared);

  # The tags whose pins contradict each other on this host; empty if at most one says something, or the host decides for ever.
  pinConflict =
    fleet: host:
    let
      pinned = tagsWith "pin" fleet host;
      isDecided = host.pin != null && host.pin.expiresAt == null;
    in
    if isDecided || length pinned < 2 then [ ] else map ({ name, ... }: name) pinned;

  complianceOf =
    fleet: host:
    let
      policy = narrowest [ "host" "channel" "tag" ] "compliance" fleet host;
    in
    if policy == null then fleet.compliance else policy;

  # What a policy says in the signed fleet; how single controls are refined is in the closures.
  signedPolicy = policy: dropNulls { inherit (policy) mode frameworks onDrift; };

  # Whether a scope below the fleet says anything: then it is what the host does, also if its configuration says otherwise.
  isComplianceDecided = fleet: host: narrowest [ "host" "channel" "tag" ] "compliance" fleet host != null;

  # Every refinement of one kind (`controls`, `frameworkModes`) that a host inherits, widest first: [ { path; name; mode; waiver; } ].
  refinementsOf =
    kind: fleet: name: host:
    concatMap (
      { path, scope }:
      if (scope.compliance or null) == null then
        [ ]
      else
        map (
          refined:
          {
            path = "${if path == "the fleet" then "" else "${path}."}compliance.${kind}.${refined}";
            name = refined;
          }
          // scope.compliance.${kind}.${refined}
        ) (attrNames scope.compliance.${kind})
    ) (reversed (scopesOf fleet name host));

  # Name → mode, the narrowest counts; of tags that differ, the strongest.
  refinedModes =
    kind: fleet: name: host:
    foldl' (
      found: refinement:
      found
      // {
        ${refinement.name} =
          if isOfTag refinement && found ? ${refinement.name} && found.${refinement.name}.isOfTag then
            {
              mode = strongest found.${refinement.name}.mode refinement.mode;
              isOfTag = true;
            }
          else
            {
              inherit (refinement) mode;
              isOfTag = isOfTag refinement;
            };
      }
    ) { } (refinementsOf kind fleet name host);

  inherit modeRank;

  # Policies that a host inherits, widest first: [ { path; policy; } ].
  policiesOf =
    fleet: name: host:
    concatMap (
      { path, scope }:
      if (scope.compliance or null) == null then
        [ ]
      else
        [
          {
            path = "${if path == "the fleet" then "" else "${path}."}compliance";
            policy = scope.compliance;
          }
        ]
    ) (reversed (scopesOf fleet name host));

  # The tags whose compliance policies differ, where neither channel nor host decides.
  complianceConflict =
    fleet: host:
    let
      tags = tagsWith "compliance" fleet host;
      differ = filter ({ tag, ... }: tag.compliance != (head tags).tag.compliance) tags;
    in
    if host.compliance != null || (channelOf fleet host).compliance != null || differ == [ ] then
      [ ]
    else
      map ({ name, ... }: name) ([ (head tags) ] ++ differ);

  # Lines that say which probe or policy takes the place of a wider one that says something else: what was asked for
  # there, and is not done here. What a wider scope disables is not missed.
  shadowing =
    fleet: name: host:
    let
      scopes = scopesOf fleet name host;
      checks = attrNames (foldl' (names: { scope, ... }: names // scope.healthChecks) { } scopes);
      ofCheck =
        check:
        replaced "healthChecks.${check}" (
          concatMap (
            { path, scope }:
            if scope.healthChecks ? ${check} then
              [
                {
                  inherit path;
                  value = scope.healthChecks.${check};
                }
              ]
            else
              [ ]
          ) scopes
        );
      policies = concatMap (
        { path, scope }:
        if scope.compliance == null then
          [ ]
        else
          [
            {
              inherit path;
              value = scope.compliance;
            }
          ]
      ) scopes;
    in
    concatMap ofCheck checks ++ replaced "compliance" policies;

  # Check name → the tags that declare it differently, where neither channel nor host decides.
  healthCheckConflicts =
    fleet: host:
    let
      decided = (channelOf fleet host).healthChecks // host.healthChecks;
      declared = concatMap (
        { name, tag }:
        map (check: {
          inherit check;
          tag = name;
          value = tag.healthChecks.${check};
        }) (attrNames tag.healthChecks)
      ) (declaredTags fleet host);
      differ =
        check: declarations:
        !(decided ? ${check}) && builtins.any (other: other.value != (head declarations).value) (tail declarations);
    in
    mapAttrs (_: map (declaration: declaration.tag)) (filterAttrs differ (groupBy (declaration: declaration.check) declared));
}
