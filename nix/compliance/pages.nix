# docs/compliance/ from the catalogue and the crosswalk, as { file = Markdown; }:
#
#   nix-instantiate --eval --strict --json nix/compliance/pages.nix
let
  inherit (builtins)
    any
    attrNames
    concatLists
    concatMap
    concatStringsSep
    filter
    head
    length
    map
    match
    replaceStrings
    toString
    ;
  lib = import ../lib;
  compliance = import ./.;
  inherit (compliance) controls crosswalk;

  generated = "Generated from `nix/compliance/` by `tests/nix/write-golden.ts`; a test compares them.";
  cell = replaceStrings [ "|" "\n" ] [ "\\|" " " ];
  code = text: "`${cell text}`";
  table =
    columns: rows:
    [
      "| ${concatStringsSep " | " columns} |"
      "|${concatStringsSep "|" (map (_: "---") columns)}|"
    ]
    ++ map (row: "| ${concatStringsSep " | " (map cell row)} |") rows
    ++ [ "" ];

  # In rising order of what is known.
  states = {
    measured = "measured";
    static = "static only";
    attested = "attested";
    none = "not covered";
  };
  stateOf =
    rule:
    if rule.check != null then
      states.measured
    else if rule.evaluate != null then
      states.static
    else if rule.isAttested then
      states.attested
    else
      states.none;

  rules = concatMap (control: map (rule: rule // { inherit (control) controlId; }) control.rules) controls;
  rulesFor = framework: holds: filter (rule: any holds (rule.articles.${framework} or [ ])) rules;
  ids = found: concatStringsSep ", " (map (rule: rule.id) found);
  inState = state: filter (rule: stateOf rule == state);

  # What each of the rules says of an article, the most telling first.
  rowOf =
    framework: holds: names:
    let
      found = rulesFor framework holds;
      shown = filter (state: inState state found != [ ]) [
        states.measured
        states.static
        states.attested
        states.none
      ];
      # `not covered` beside others: these rules are there, and not measured.
      word = state: if state == states.none then "not measured" else state;
    in
    names
    ++ [
      (if shown == [ ] then states.none else head shown)
      (concatStringsSep "; " (map (state: "${word state}: ${ids (inState state found)}") shown))
    ];

  columns = [
    "Point"
    "About"
    "State"
    "Rules"
  ];
  heading =
    framework: [
      "## ${framework.title}"
      ""
      "Version ${framework.version}, <${framework.source}>. Relationship `${framework.relationship}`, confidence `${framework.confidence}`."
      ""
    ];
  exactly =
    name:
    let
      framework = crosswalk.frameworks.${name};
    in
    heading framework
    ++ table columns (
      map (
        article:
        rowOf name (other: other == article) [
          article
          framework.articles.${article}
        ]
      ) (crosswalk.sorted (attrNames framework.articles))
    );
  # By chapter, with the points of it that rules name.
  byChapter =
    name:
    let
      framework = crosswalk.frameworks.${name};
      isIn = chapter: other: match "${chapter}([.(].*)?" other != null;
      pointsIn = chapter: crosswalk.sorted (filter (isIn chapter) (concatMap (rule: rule.articles.${name} or [ ]) rules));
    in
    heading framework
    ++ table
      [
        "Point"
        "About"
        "Named"
        "State"
        "Rules"
      ]
      (
        map (
          chapter:
          rowOf name (isIn chapter) [
            chapter
            framework.articles.${chapter}
            (concatStringsSep ", " (pointsIn chapter))
          ]
        ) (crosswalk.sorted (attrNames framework.articles))
      );

  recommendations =
    let
      framework = crosswalk.frameworks.anssi-bp028;
      names = crosswalk.sorted (attrNames framework.recommendations);
    in
    heading framework
    ++ table
      [
        "Recommendation"
        "About"
        "Level"
        "State"
        "Rules"
      ]
      (
        map (
          name:
          rowOf "anssi-bp028" (other: other == name) [
            name
            framework.recommendations.${name}.title
            framework.recommendations.${name}.level
          ]
        ) names
      );

  count = state: toString (length (inState state rules));

  coverage = [
    "# Coverage"
    ""
    "What NixFleet's controls contribute to, point by point. A mapping means \"contributes evidence to\", never \"satisfies\": what a"
    "rule measures is a part of what a point asks for. Whoever audits decides how much that is."
    ""
    "- **measured**: a probe on the host measures it, and evidence is signed there."
    "- **static only**: the configuration is evaluated at each release; nothing measures the running host."
    "- **attested**: only a person can state it. Nothing holds such statements yet, so a [packet](packets.md) calls it not covered."
    "- **not covered**: nothing. Where rules stand beside it, they are in the catalogue and nothing measures them yet, or the catalogue"
    "  says why nothing can ([controls.md](controls.md))."
    ""
    "A point has the best state of its rules; the others are listed behind it. Of ${toString (length rules)} rules, ${count states.measured} are measured on the host, ${count states.static} are static only, ${count states.attested} attested, and ${count states.none} not measured."
    ""
    generated
    ""
  ]
  ++ recommendations
  ++ exactly "nis2"
  ++ [
    "Point g rests on recitals 49 and 89: hygiene is measured, training is not."
    ""
  ]
  ++ byChapter "nis2-cir"
  ++ [
    "It binds DNS, TLD, cloud, data-centre, CDN, managed-service, marketplace, search, social-network and trust providers only; others"
    "follow national law. Contracts with suppliers (5.1) are not measured."
    ""
  ]
  ++ exactly "dora"
  ++ [
    "Contracts with third parties (Articles 28 to 30) are not measured."
    ""
  ]
  ++ byChapter "dora-rts"
  ++ exactly "iso27001";

  yes = value: if value then "yes" else "";
  optionRow = control: name: [
    (code name)
    control.options.${name}.type.says
    (code (lib.show.toNix control.options.${name}.default))
    control.options.${name}.direction
    control.options.${name}.description
  ];
  ruleRow = rule: [
    rule.id
    rule.name
    rule.severity
    (concatStringsSep ", " (rule.articles.anssi-bp028 or [ ]))
    (yes (rule.evaluate != null))
    (if rule.check != null then "yes" else if rule.isAttested then "attested" else if rule.unmeasured == null then "" else "no: ${rule.unmeasured}")
    (concatStringsSep ", " (rule.hostTypes ++ rule.architectures ++ map (tag: "tag ${tag}") rule.tags))
    rule.remediation
  ];
  controlSection =
    control:
    [
      "## ${control.controlId}"
      ""
      "**${control.title}**, ${code "compliance.controls.${control.optionName}"}. ${control.purpose} Type `${control.type}`, details `${control.schema}`."
      ""
    ]
    ++ (
      if control.options == { } then
        [ ]
      else
        table [
          "Option"
          "Type"
          "Default"
          "Stricter"
          "Meaning"
        ] (map (optionRow control) (attrNames control.options))
    )
    ++ table [
      "Rule"
      "Holds if"
      "Severity"
      "BP-028"
      "Static"
      "Probe"
      "For"
      "What to do"
    ] (map ruleRow control.rules);

  catalogue = [
    "# Controls"
    ""
    "Catalogue ${compliance.version}. Every control has the options `enable`, `mode` and `rules.<id>.enable` too; see"
    "[options/compliance.md](../options/compliance.md). *Stricter* says which value wins where several frameworks ask: `max` the larger,"
    "`min` the smaller, `any` true if one asks for it, `all` true only if all allow it, `intersect` what all allow; `declared` describes"
    "the host, and no framework has a say. A rule is active from its severity on: `minimal`, `standard`, `strict`, `paranoid`."
    ""
    generated
    ""
  ]
  ++ concatLists (map controlSection controls);

  page = concatStringsSep "\n";
in
{
  coverage = page coverage;
  controls = page catalogue;
}
