# The name somebody probably meant.
{ lists }:
let
  inherit (builtins)
    elemAt
    filter
    foldl'
    genList
    length
    sort
    stringLength
    substring
    ;

  # Longer names are compared by their first characters only.
  charactersMax = 32;
  # Candidates compared, after those of a very different length are left out.
  candidatesMax = 1000;

  min = a: b: if a < b then a else b;
  abs = n: if n < 0 then 0 - n else n;
  characters = text: genList (i: substring i 1 text) (min charactersMax (stringLength text));

  # Levenshtein's distance, row by row.
  distance =
    left: right:
    let
      a = characters left;
      b = characters right;
      width = length b;
      nextRow =
        row: character:
        foldl' (
          built: column:
          let
            substitution = elemAt row column + (if elemAt b column == character then 0 else 1);
            deletion = elemAt row (column + 1) + 1;
            insertion = elemAt built column + 1;
          in
          built ++ [ (min substitution (min deletion insertion)) ]
        ) [ (elemAt row 0 + 1) ] (genList (i: i) width);
    in
    elemAt (foldl' nextRow (genList (i: i) (width + 1)) a) width;
in
{
  inherit distance;

  # The candidate nearest to `name`, or null if none is near: a third of the characters may differ, one at least but never all.
  nearest =
    name: candidates:
    let
      size = stringLength name;
      distanceMax = min (size - 1) (if size < 6 then 1 else size / 3);
      ofLikeLength = filter (candidate: abs (stringLength candidate - size) <= distanceMax) candidates;
      measured = map (candidate: {
        inherit candidate;
        distance = distance name candidate;
      }) (lists.take candidatesMax ofLikeLength);
      near = filter (found: found.distance <= distanceMax) measured;
    in
    if near == [ ] then null else (elemAt (sort (a: b: a.distance < b.distance) near) 0).candidate;
}
