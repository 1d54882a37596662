# The pages of docs/options/ as { file = Markdown; }:
#
#   nix-instantiate --eval --strict --json nix/reference
let
  inherit (builtins)
    concatMap
    concatStringsSep
    listToAttrs
    map
    replaceStrings
    ;
  optionsOf = import ./options.nix;

  trimmed =
    text:
    let
      found = builtins.match "(.*[^ \n])[ \n]*" text;
    in
    if found == null then text else builtins.head found;
  code = text: "`${replaceStrings [ "\n" ] [ " " ] text}`";

  section =
    option:
    concatStringsSep "\n" (
      [
        "### ${option.name}"
        ""
        (trimmed option.description)
        ""
        "- Type: ${option.type}"
        (if option ? default then "- Default: ${code option.default}" else "- Required")
      ]
      ++ (if option ? example then [ "- Example: ${code option.example}" ] else [ ])
      ++ [ "" ]
    );

  page = { title, intro, modules, ... }: concatStringsSep "\n" (
    [
      "# ${title}"
      ""
      intro
      ""
      "Generated from the modules in `nix/` by `tests/nix/write-golden.ts`; a test compares them."
      ""
    ]
    ++ map section (concatMap optionsOf modules)
  );
in
listToAttrs (
  map (entry: {
    name = entry.file;
    value = page entry;
  }) (import ./pages.nix)
)
// {
  # mkFleet has a schema of its own, which needs no module system.
  fleet = import ../fleet/reference.nix;
}
