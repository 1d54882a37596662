# What the static projection of a rule returns: a list of checks, all of which must hold.
#
#   { option; what ? null; observed; expect; fix; }
#
# `option`: the path of the NixOS option that people will set. `what`: which part of it, where one option holds several.
# `expect`: see expectation.nix. `fix`: the line to write.
{ lib }:
let
  inherit (builtins)
    concatMap
    concatStringsSep
    elem
    filter
    isAttrs
    isBool
    isInt
    isList
    isString
    map
    match
    replaceStrings
    split
    ;
  inherit (lib.show) attrName toNix;
  inherit (import ./expectation.nix) isOperation;

  words = text: filter (part: isString part && part != "") (split "[[:space:]]+" text);
  lines = text: filter (part: isString part && match "[[:space:]]*" part == null) (split "\n" text);
  upper = [ "A" "B" "C" "D" "E" "F" "G" "H" "I" "J" "K" "L" "M" "N" "O" "P" "Q" "R" "S" "T" "U" "V" "W" "X" "Y" "Z" ];
  lower = [ "a" "b" "c" "d" "e" "f" "g" "h" "i" "j" "k" "l" "m" "n" "o" "p" "q" "r" "s" "t" "u" "v" "w" "x" "y" "z" ];
  toLower = replaceStrings upper lower;

  suggestion =
    option: expect:
    if isOperation expect then
      if expect ? "$ge" then
        "${option} = ${toString expect."$ge"}; # or more"
      else if expect ? "$le" then
        "${option} = ${toString expect."$le"}; # or less"
      else if expect ? "$in" then
        "${option} = ${toNix (builtins.head expect."$in")}; # or another of ${toNix expect."$in"}"
      else if expect ? "$subset" then
        "leave in ${option} nothing but ${toNix expect."$subset"}"
      else
        "leave ${option} unset"
    else
      "${option} = ${toNix expect};";
in
rec {
  inherit words lines toLower attrName;
  show = toNix;

  # One option with one value.
  want = option: observed: expect: {
    inherit option observed expect;
    what = null;
    fix = suggestion option expect;
  };

  # As `want`, of a part of an option, with what to write.
  wantOf =
    {
      option,
      what,
      observed,
      expect,
      fix,
    }:
    {
      inherit
        option
        what
        observed
        expect
        fix
        ;
    };

  # What is set, or null: a configuration need not have every option.
  at =
    path: config:
    builtins.foldl' (
      value: name: if isAttrs value && value ? ${name} then value.${name} else null
    ) config (filter isString (split "[.]" path));

  listAt =
    path: config:
    let
      value = at path config;
    in
    if isList value then value else [ ];

  attrsAt =
    path: config:
    let
      value = at path config;
    in
    if isAttrs value then value else { };

  textAt =
    path: config:
    let
      value = at path config;
    in
    if isString value then value else "";

  isOn = path: config: at path config == true;

  # A dotted option as it is.
  wantAt = config: option: expect: want option (at option config) expect;

  # sysctl takes numbers, texts and booleans; the kernel sees numbers.
  sysctlOf =
    config: key:
    let
      value = (attrsAt "boot.kernel.sysctl" config).${key} or null;
      number = if isString value then match "[[:space:]]*(-?[0-9]+)[[:space:]]*" value else null;
    in
    if isBool value then
      (if value then 1 else 0)
    else if number != null then
      builtins.fromJSON (builtins.head number)
    else
      value;
  sysctl =
    config: key: expect:
    want "boot.kernel.sysctl.${attrName key}" (sysctlOf config key) expect;

  # Whole tokens: `mds=full` is not `mds=full,nosmt`.
  kernelTokens = config: concatMap words (filter isString (listAt "boot.kernelParams" config));
  kernelParameter =
    config: alternatives:
    let
      tokens = kernelTokens config;
      found = filter (token: elem token tokens) alternatives;
    in
    wantOf {
      option = "boot.kernelParams";
      what = builtins.head alternatives;
      observed = found != [ ];
      expect = true;
      fix = "boot.kernelParams = [ ${toNix (builtins.head alternatives)} ];";
    };

  # A keyword of sshd_config: what the settings say first, then what extraConfig says anywhere, `Match` blocks included,
  # since there the last word is not the settings'. Lower case; booleans as yes and no.
  sshdValues =
    config: keyword:
    let
      settings = attrsAt "services.openssh.settings" config;
      plain =
        value:
        if isBool value then
          (if value then "yes" else "no")
        else if isList value then
          concatStringsSep "," (map toString value)
        else if isInt value then
          toString value
        else
          value;
      # sshd takes `Keyword value`, `Keyword=value` and quotes.
      parsed = map (line: words (replaceStrings [ "=" "\"" ] [ " " " " ] line)) (
        lines (textAt "services.openssh.extraConfig" config)
      );
      later = filter (line: toLower (builtins.head line) == toLower keyword) parsed;
    in
    map (value: if isString value then toLower value else value) (
      [ (plain (settings.${keyword} or null)) ]
      ++ map (line: concatStringsSep " " (builtins.tail line)) later
    );

  # The same check for the settings' value and for each line of extraConfig that says otherwise.
  sshd =
    config: keyword: allowed:
    let
      observed = sshdValues config keyword;
      # What NixOS takes as a boolean.
      nixosValue = name: value: if elem name [ "PasswordAuthentication" "KbdInteractiveAuthentication" ] then value == "yes" else value;
    in
    wantOf {
      option = "services.openssh.settings.${keyword}";
      what = null;
      inherit observed;
      expect = {
        "$subset" = allowed;
      };
      fix =
        if elem (builtins.head observed) allowed then
          "take other values of ${keyword} out of services.openssh.extraConfig"
        else
          "services.openssh.settings.${keyword} = ${toNix (nixosValue keyword (builtins.head allowed))};";
    };

  # What to write for one line of an option of many lines. One that says otherwise already has to go, or both would stand there.
  lineFix =
    option: current: line:
    if current == null then "${option} = ${toNix "${line}\n"};" else "write ${line} in ${option} in place of what it says";

  # As many lines as there are names; a rule that fails has one at least.
  linesFor = fixOf: names: concatStringsSep "\n" (map fixOf names);

  # Not a check: why there is none. The rule says so, and passes.
  note = option: observed: {
    inherit option observed;
    what = null;
    expect = observed;
    fix = "";
    isNote = true;
  };

  # Where the service that a rule is about is off, there is nothing to check.
  ifOn = config: option: checks: if isOn option config then checks else [ (note option false) ];
}
