# docs/options/fleet.md, from the schema.
let
  inherit (builtins)
    attrNames
    concatMap
    concatStringsSep
    filter
    map
    replaceStrings
    ;

  lib = import ../lib;
  types = import ./types.nix;
  scalars = import ./scalars.nix { inherit lib types; };
  schema = import ./schema.nix { inherit lib types scalars; };
  inherit (lib.show) toNix;

  cell = replaceStrings [ "|" "\n" ] [ "\\|" " " ];
  code = text: "`${cell text}`";

  # The record or variants inside a type, or null: what an option's own section is about.
  inside =
    type:
    if type.kind == "record" || type.kind == "variants" then
      type
    else if type ? of then
      inside type.of
    else
      null;

  link = title: "[${title}](#${replaceStrings [ " " ] [ "-" ] title})";

  # Types as the table shows them: what has a section of its own is a link to it.
  typeText =
    type:
    if type.kind == "record" || type.kind == "variants" then
      link type.title
    else if type.kind == "listOf" then
      "list of ${toString type.min} to ${toString type.max}${if type.isSet then ", each once" else ""}: ${typeText type.of}"
    else if type.kind == "attrsOf" then
      "by name: ${typeText type.of}"
    else if type.kind == "nullOr" then
      "${typeText type.of}, or null"
    else
      type.says;

  row =
    options: name:
    let
      option = options.${name};
      byDefault = if option ? default then code (toNix option.default) else "required";
      example = if option ? example then code option.example else "";
    in
    "| ${code name} | ${cell (typeText option.type)} | ${byDefault} | ${cell option.description} | ${example} |";

  table =
    options:
    [
      "| Option | Type | Default | Meaning | Example |"
      "|---|---|---|---|---|"
    ]
    ++ map (row options) (attrNames options);

  ruleLines =
    rules:
    if rules == [ ] then
      [ ]
    else
      [
        ""
        "Rules:"
        ""
      ]
      ++ map (rule: "- ${rule.rule}") rules;

  section =
    type:
    if type.kind == "record" then
      [
        "### ${type.title}"
        ""
      ]
      ++ table type.options
      ++ ruleLines type.rules
      ++ [ "" ]
    else
      [
        "### ${type.title}"
        ""
        "${type.tagDescription} The option `${type.tag}` is one of ${
          concatStringsSep ", " (map (name: code (toNix name)) (attrNames type.variants))
        } and says which others there are:"
        ""
      ]
      ++ concatMap (
        name:
        let
          variant = type.variants.${name};
        in
        [
          "`${type.tag} = ${toNix name}`: ${variant.description}"
          ""
        ]
        ++ table variant.options
        ++ ruleLines (variant.rules or [ ])
        ++ [ "" ]
      ) (attrNames type.variants);

  childrenOf =
    type:
    let
      optionsOf = options: map (name: inside options.${name}.type) (attrNames options);
      found =
        if type.kind == "record" then
          optionsOf type.options
        else
          concatMap (name: optionsOf type.variants.${name}.options) (attrNames type.variants);
    in
    filter (child: child != null) found;

  # Breadth first, each once: selectors hold selectors.
  titles = builtins.genericClosure {
    startSet = [
      {
        key = schema.title;
        type = schema;
      }
    ];
    operator =
      { type, ... }:
      map (child: {
        key = child.title;
        type = child;
      }) (childrenOf type);
  };
in
concatStringsSep "\n" (
  [
    "# mkFleet"
    ""
    "Every option of a fleet. How they fit together: [fleet-nix.md](../fleet-nix.md)."
    ""
    "Generated from the schema in `nix/fleet/` by `tests/nix/write-golden.ts`; a test compares them."
    ""
  ]
  ++ concatMap (found: section found.type) titles
)
