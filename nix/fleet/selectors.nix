# Checked selectors → predicates over hosts { name, channel, tagSet }.
{ lib }:
let
  inherit (builtins)
    all
    any
    attrNames
    concatLists
    filter
    map
    ;
  inherit (lib.lists) toSet indexedMap;

  # Each criterion that is set, compiled once; a host is looked up in sets, so that a wave that names a thousand hosts
  # costs no more than one that names one.
  compilers = {
    all =
      _: _:
      true;
    hosts =
      names:
      let
        set = toSet names;
      in
      host: set ? ${host.name};
    channel = name: host: host.channel == name;
    tags = names: host: all (name: host.tagSet ? ${name}) names;
    tagsAny = names: host: any (name: host.tagSet ? ${name}) names;
    not =
      selector:
      let
        matches = predicate selector;
      in
      host: !matches host;
    and =
      selectors:
      let
        predicates = map predicate selectors;
      in
      host: all (matches: matches host) predicates;
    or =
      selectors:
      let
        predicates = map predicate selectors;
      in
      host: any (matches: matches host) predicates;
  };

  criteria = selector: filter (name: selector.${name} != null) (attrNames selector);

  # Several criteria narrow each other down.
  predicate =
    selector:
    let
      predicates = map (name: compilers.${name} selector.${name}) (criteria selector);
    in
    host: all (matches: matches host) predicates;

  inner = selector: path: name: if selector.${name} == null then [ ] else references selector.${name} "${path}.${name}";
  innerList =
    selector: path: name:
    if selector.${name} == null then
      [ ]
    else
      concatLists (indexedMap (index: one: references one "${path}.${name}[${toString index}]") selector.${name});

  # Everything a selector names, nested ones included: [ { kind = "hosts" | "channels" | "tags"; name; path; } ].
  references =
    selector: path:
    let
      named =
        kind: option:
        if selector.${option} == null then
          [ ]
        else
          indexedMap (index: name: {
            inherit kind name;
            path = "${path}.${option}[${toString index}]";
          }) selector.${option};
    in
    named "hosts" "hosts"
    ++ named "tags" "tags"
    ++ named "tags" "tagsAny"
    ++ (
      if selector.channel == null then
        [ ]
      else
        [
          {
            kind = "channels";
            name = selector.channel;
            path = "${path}.channel";
          }
        ]
    )
    ++ inner selector path "not"
    ++ innerList selector path "and"
    ++ innerList selector path "or";
in
{
  inherit predicate references;
}
