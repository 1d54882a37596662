# What a host inherits: probes and pins of its tags and its channel. Host over channel over tag over fleet.
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
      healthChecks = { };
    };
in
{
  # One probe replaces another of the same name whole: fields of two declarations never mix.
  healthChecksOf =
    fleet: host:
    let
      ofTags = foldl' (checks: { tag, ... }: checks // tag.healthChecks) { } (declaredTags fleet host);
      checks = fleet.healthChecks // ofTags // (channelOf fleet host).healthChecks // host.healthChecks;
    in
    mapAttrs (_: dropNulls) checks;

  # Null, or { commit, reason, expiresAt? }.
  pinOf =
    fleet: host:
    let
      pinned = filter ({ tag, ... }: tag.pin != null) (declaredTags fleet host);
      pin =
        if host.pin != null then
          host.pin
        else if pinned != [ ] then
          (head pinned).tag.pin
        else
          (channelOf fleet host).pin;
    in
    if pin == null then null else dropNulls pin;

  # The tags whose pins contradict each other on this host; empty if at most one says something, or the host decides.
  pinConflict =
    fleet: host:
    let
      pinned = filter ({ tag, ... }: tag.pin != null) (declaredTags fleet host);
    in
    if host.pin != null || length pinned < 2 then [ ] else map ({ name, ... }: name) pinned;

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
