# Cycles in "must come first" edges.
{ lib }:
let
  inherit (builtins)
    attrNames
    concatMap
    elem
    elemAt
    filter
    groupBy
    head
    length
    mapAttrs
    removeAttrs
    ;

  inherit (lib.lists) last;

  # Takes away the edges whose `gates` waits for nothing, until all are gone or those left lead into a cycle: each round
  # looks only at the edges that waited for what the round before took away (Kahn's algorithm).
  waiting =
    edges:
    let
      byGates = groupBy (edge: edge.gates) edges;
      open = mapAttrs (_: length) (groupBy (edge: edge.gated) edges);
      free = filter (name: !(open ? ${name})) (attrNames byGates);
      step =
        { open, free }:
        if free == [ ] then
          null
        else
          let
            released = mapAttrs (_: length) (groupBy (edge: edge.gated) (concatMap (name: byGates.${name} or [ ]) free));
            left = mapAttrs (name: count: open.${name} - count) released;
            nowFree = filter (name: left.${name} == 0) (attrNames left);
          in
          {
            open = removeAttrs (open // left) nowFree;
            free = nowFree;
          };
    in
    (lib.iterate {
      start = { inherit open free; };
      inherit step;
    }).open;
in
{
  # [ { gated, gates } ] → null, or the names of one cycle in order: each waits for the next, the last for the first.
  findCycle =
    edges:
    let
      stuck = waiting edges;
      # Everything stuck waits for something stuck, so following it comes by some name twice.
      next = mapAttrs (_: candidates: (head candidates).gates) (
        groupBy (edge: edge.gated) (filter (edge: stuck ? ${edge.gated} && stuck ? ${edge.gates}) edges)
      );
      # As many steps as there are stuck names certainly end inside the cycle.
      inside =
        (lib.iterate {
          start = {
            name = head (attrNames stuck);
            steps = 0;
          };
          step =
            { name, steps }:
            if steps == length (attrNames stuck) then
              null
            else
              {
                name = next.${name};
                steps = steps + 1;
              };
        }).name;
      cycle = lib.iterate {
        start = [ inside ];
        step = path: if elem next.${last path} path then null else path ++ [ next.${last path} ];
      };
    in
    if stuck == { } then null else cycle;
}
