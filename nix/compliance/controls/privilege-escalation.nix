# Who becomes root, for what, is said exactly.
{ measureWith, types, checks, ... }:
let
  inherit (checks)
    at
    ifOn
    isOn
    lines
    listAt
    textAt
    want
    wantOf
    words
    ;
  inherit (builtins)
    all
    any
    concatMap
    concatStringsSep
    elem
    filter
    isString
    map
    match
    replaceStrings
    ;

  # sudo, or its rewrite with the same options.
  sudoOf = config: if isOn "security.sudo-rs.enable" config then "security.sudo-rs" else "security.sudo";
  extraLines = config: filter (line: match "[[:space:]]*#.*" line == null) (lines (textAt "${sudoOf config}.extraConfig" config));
  isDefaults = line: match "[[:space:]]*Defaults.*" line != null;
  defaults =
    config:
    concatMap (
      line: words (replaceStrings [ "," "\"" ] [ " " "" ] line)
    ) (filter (line: match "[[:space:]]*Defaults[[:space:]].*" line != null) (extraLines config));
  isUmask = option: match "umask=0?0?77" option != null;

  rules = config: listAt "${sudoOf config}.extraRules" config;
  commandOf = entry: if isString entry then entry else entry.command or "";
  commandsOf = rule: map commandOf (rule.commands or [ ]);
  optionsOf = entry: if isString entry then [ ] else entry.options or [ ];
  # Users may be given by number.
  whoOf = rule: map toString (rule.users or [ ]) ++ map (group: "%${toString group}") (rule.groups or [ ]);

  # root, and the group that may do everything, as itself.
  isAdministrators = options: rule: all (who: elem who [ "root" "%${options.group}" ]) (whoOf rule);
  others = config: options: filter (rule: !(isAdministrators options rule)) (rules config);
  shown = rule: "${concatStringsSep "," (whoOf rule)}: ${concatStringsSep ", " (commandsOf rule)}";

  runsAsRoot = rule: match "(ALL|root|[*])(:.*)?" (rule.runAs or "ALL:ALL") != null;
  editors = "(.*/)?(vi|vim|nvim|view|nano|emacs|ed|ex|joe|pico|micro|hx)([[:space:]].*)?";
  sudo = config: checksOfSudo: ifOn config "${sudoOf config}.enable" checksOfSudo;
  defaultOption =
    config: option: isThere:
    wantOf {
      option = "${sudoOf config}.extraConfig";
      what = "Defaults ${option}";
      observed = any isThere (defaults config) && !(elem "!${option}" (defaults config));
      expect = true;
      fix =
        let
          path = "${sudoOf config}.extraConfig";
        in
        if elem "!${option}" (defaults config) then
          "take !${option} out of ${path}"
        else
          checks.lineFix path null "Defaults ${option}";
    };
  flags = [
    "use_pty"
    "requiretty"
    "env_reset"
    "ignore_dot"
  ];
  fixRules = "security.sudo.extraRules";

  # The same settings for whichever of the two is used.
  forBoth = settings: [
    ({ config, ... }: {
      _when = sudoOf config == "security.sudo";
      security.sudo = settings;
    })
    ({ config, ... }: {
      _when = sudoOf config == "security.sudo-rs";
      security.sudo-rs = settings;
    })
  ];

  measure = measureWith "anssi-bp028/v1";
  measureSudo =
    aspect: more:
    measure {
      name = "sudo";
      args = [ "--look" aspect "--group" "wheel" ] ++ more;
      applicability = "probed";
    };
in
{
  controlId = "privilege-escalation";
  optionName = "privilegeEscalation";
  title = "Privilege escalation";
  purpose = "Commands as another user are few, exact, and leave a trace.";
  type = "both";
  schema = "anssi-bp028/v1";

  options = {
    group = {
      type = types.text {
        says = "the name of a group";
        pattern = "[a-z_][a-z0-9_-]*";
        bytesMax = 32;
      };
      default = "wheel";
      direction = "declared";
      description = "The one group whose members may use sudo for everything.";
    };
    execCommands = {
      type = types.listOf {
        of = types.text {
          says = "a command of sudo, with its arguments";
          bytesMax = 1024;
        };
        max = 64;
        isSet = true;
      };
      default = [ ];
      direction = "declared";
      description = "Commands that may start others.";
    };
  };

  rules = [
    {
      id = "PE-01";
      name = "Only members of one group can run sudo at all";
      severity = "strict";
      tags = [ "sudo" ];
      articles.anssi-bp028 = [ "R38" ];
      evaluate =
        { config, ... }:
        sudo config [ (want "${sudoOf config}.execWheelOnly" (at "${sudoOf config}.execWheelOnly" config) true) ]
        ++ [ (want "security.doas.enable" (isOn "security.doas.enable" config) false) ];
      implementations = forBoth { execWheelOnly = true; };
      check = _: measureSudo "who" [ ];
      remediation = "Set security.sudo.execWheelOnly, and leave doas off: one way is enough to watch.";
    }
    {
      id = "PE-02";
      name = "sudo resets the environment, and needs a terminal of its own";
      severity = "standard";
      tags = [ "sudo" ];
      articles.anssi-bp028 = [ "R39" ];
      evaluate =
        { config, ... }:
        sudo config (
          map (flag: defaultOption config flag (option: option == flag)) flags
          ++ [
            (defaultOption config "noexec" (option: option == "noexec"))
            (defaultOption config "umask=0077" isUmask)
          ]
        );
      implementations = forBoth { extraConfig._lines = "Defaults use_pty,noexec,requiretty,env_reset,ignore_dot,umask=0077\n"; };
      check = _: measureSudo "settings" [ ];
      remediation = "Write Defaults use_pty,noexec,requiretty,env_reset,ignore_dot,umask=0077 into security.sudo.extraConfig.";
    }
    {
      id = "PE-03";
      name = "Others than administrators become users without privileges";
      severity = "standard";
      tags = [ "sudo" ];
      articles.anssi-bp028 = [ "R40" ];
      evaluate =
        { config, options }:
        sudo config [
          (want "${sudoOf config}.extraRules" (map shown (filter runsAsRoot (others config options))) [ ] // {
            fix = "set runAs of these rules in ${fixRules} to a user without privileges";
          })
        ];
      check = _: measureSudo "targets" [ ];
      remediation = "Set runAs to the user that the command needs, which is seldom root.";
    }
    {
      id = "PE-04";
      name = "Commands start no others, unless declared";
      severity = "strict";
      tags = [ "sudo" ];
      articles.anssi-bp028 = [ "R41" ];
      evaluate =
        { config, options }:
        sudo config [
          (wantOf {
            option = "${sudoOf config}.extraRules";
            what = "with EXEC";
            observed = concatMap (
              rule: map commandOf (filter (entry: elem "EXEC" (optionsOf entry)) (rule.commands or [ ]))
            ) (rules config);
            expect."$subset" = options.execCommands;
            fix = "take EXEC out, or declare the command in compliance.controls.privilegeEscalation.execCommands";
          })
        ];
      remediation = "Leave NOEXEC as the default, and declare the few commands that need EXEC.";
    }
    {
      id = "PE-05";
      name = "Nothing is allowed by negation";
      severity = "standard";
      tags = [ "sudo" ];
      articles.anssi-bp028 = [ "R42" ];
      evaluate =
        { config, ... }:
        sudo config [
          (wantOf {
            option = "${sudoOf config}.extraRules";
            what = "with negation";
            observed = filter (text: match ".*!.*" text != null) (map shown (rules config));
            expect = [ ];
            fix = "name what is allowed instead, in ${fixRules}";
          })
        ];
      check = _: measureSudo "negation" [ ];
      remediation = "Name what is allowed: whatever is forbidden by name has another name.";
    }
    {
      id = "PE-06";
      name = "Commands are exact, with their arguments";
      severity = "standard";
      tags = [ "sudo" ];
      articles.anssi-bp028 = [ "R43" ];
      evaluate =
        { config, options }:
        sudo config [
          (wantOf {
            option = "${sudoOf config}.extraRules";
            what = "without exact arguments";
            observed = filter (command: match ".*[*].*" command != null || match ''/[^[:space:]]+[[:space:]]+.+'' command == null) (
              concatMap commandsOf (others config options)
            );
            expect = [ ];
            fix = ''write each with a path and its arguments, or with "" for none, in ${fixRules}'';
          })
          (wantOf {
            option = "${sudoOf config}.extraConfig";
            what = "rules";
            observed = filter (line: !(isDefaults line)) (extraLines config);
            expect = [ ];
            fix = "write them as ${fixRules}, where they can be checked";
          })
        ];
      check = _: measureSudo "commands" [ "--any-command" "--explicit-arguments" ];
      remediation = "Write commands with their paths and arguments, without wildcards.";
    }
    {
      id = "PE-07";
      name = "Files are edited with sudoedit";
      severity = "standard";
      tags = [ "sudo" ];
      articles.anssi-bp028 = [ "R44" ];
      evaluate =
        { config, ... }:
        sudo config [
          (wantOf {
            option = "${sudoOf config}.extraRules";
            what = "editors";
            observed = filter (command: match editors command != null) (concatMap commandsOf (rules config));
            expect = [ ];
            fix = "allow sudoedit with the file instead, in ${fixRules}";
          })
        ];
      check = _: measureSudo "editors" [ ];
      remediation = "Allow sudoedit with the file, not an editor.";
    }
  ];
}
