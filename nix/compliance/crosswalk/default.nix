# Which control contributes evidence to which article, as data: source, version, relationship, confidence. "Contributes evidence
# to", never "satisfies".
{ lib }:
let
  inherit (builtins)
    attrNames
    concatMap
    elem
    filter
    isString
    length
    map
    match
    sort
    split
    ;

  frameworks = {
    nis2 = import ./nis2.nix;
    nis2-cir = import ./nis2-cir.nix;
    dora = import ./dora.nix;
    dora-rts = import ./dora-rts.nix;
    iso27001 = import ./iso27001.nix;
    anssi-bp028 = import ./anssi-bp028.nix;
  };

  # "A.8.9" before "A.8.20": by number where both have one.
  piecesOf = article: filter (piece: piece != "") (map (piece: if isString piece then piece else builtins.head piece) (split "([0-9]+)" article));
  isNumber = piece: match "[0-9]+" piece != null;
  before =
    a: b:
    let
      left = piecesOf a;
      right = piecesOf b;
      at =
        index:
        if index >= length left then
          length right > index
        else if index >= length right then
          false
        else
          let
            l = builtins.elemAt left index;
            r = builtins.elemAt right index;
          in
          if l == r then
            at (index + 1)
          else if isNumber l && isNumber r then
            lib.numbers.number l < lib.numbers.number r
          else
            l < r;
    in
    at 0;
  sorted = articles: sort before (lib.lists.distinct articles);
in
{
  inherit frameworks sorted;

  # Control → { framework = [ articles ]; } that hold for all its rules.
  articlesOf =
    control:
    lib.attrs.filterAttrs (_: articles: articles != [ ]) (
      builtins.mapAttrs (_: framework: sorted ((framework.controls or { }).${control} or [ ])) frameworks
    );

  # Controls that the crosswalk names, to be compared with those there are.
  controls = lib.lists.distinct (
    concatMap (name: attrNames (frameworks.${name}.controls or { })) (attrNames frameworks)
  );

  # Every line: { framework; version; source; control; rule?; article; relationship; confidence; }. `rules`: [ { control; rule; articles; } ].
  rowsWith =
    ruleArticles:
    concatMap (
      name:
      let
        framework = frameworks.${name};
        row = more: {
          framework = name;
          inherit (framework)
            version
            source
            relationship
            confidence
            ;
        }
        // more;
        shared = framework.controls or { };
      in
      concatMap (control: map (article: row { inherit control article; }) shared.${control}) (attrNames shared)
      ++ concatMap (
        { control, rule, articles }:
        map (article: row { inherit control rule article; }) (
          filter (article: !(elem article (shared.${control} or [ ]))) (articles.${name} or [ ])
        )
      ) ruleArticles
    ) (attrNames frameworks);
}
