# Accounts are those declared, with passwords that are worth it.
{
  given,
  many,
  measureWith,
  types,
  checks,
  ...
}:
let
  inherit (checks)
    at
    attrsAt
    ifOn
    isOn
    lines
    textAt
    want
    wantAt
    wantOf
    ;
  inherit (builtins)
    attrNames
    elem
    filter
    fromJSON
    head
    isAttrs
    isString
    map
    match
    toString
    ;

  users = config: attrsAt "users.users" config;
  usersThat = config: holds: filter (name: holds (users config).${name}) (attrNames (users config));

  # A shell is a package with shellPath, or a path.
  shellOf =
    user:
    let
      shell = user.shell or null;
    in
    if isAttrs shell then toString (shell.shellPath or shell.name or "?") else toString shell;
  mayLogIn = user: match ".*/(nologin|false)" (shellOf user) == null && shellOf user != "";

  # crypt(5): what nobody can type, or yescrypt.
  isSound = hash: hash == null || (isString hash && match "[!*].*|[$]y[$].*" hash != null);
  hashes = user: [
    (user.hashedPassword or null)
    (user.initialHashedPassword or null)
  ];

  pwqualityValue =
    config: key:
    let
      text = (attrsAt "environment.etc" config)."security/pwquality.conf".text or "";
      found = filter (parts: parts != null) (
        map (match "[[:space:]]*${key}[[:space:]]*=[[:space:]]*([0-9]+)[[:space:]]*") (lines text)
      );
    in
    if found == [ ] then null else fromJSON (head (head found));

  uids = config: filter (uid: uid != null) (map (name: (users config).${name}.uid or null) (attrNames (users config)));
  repeated = values: filter (value: builtins.length (filter (other: other == value) values) > 1) values;

  measure = measureWith "anssi-bp028/v1";
  measureAccounts =
    aspect: more:
    measure {
      name = "account-hygiene";
      args = [ "--look" aspect ] ++ more;
    };
in
{
  controlId = "account-hygiene";
  optionName = "accountHygiene";
  title = "Account hygiene";
  purpose = "No account is left over, shared, or open.";
  type = "both";
  schema = "anssi-bp028/v1";

  options = {
    minPasswordLength = {
      type = types.int {
        min = 8;
        max = 128;
      };
      default = 12;
      direction = "max";
      description = "Characters that a password has at least.";
    };
    unusedDays = {
      type = types.int {
        min = 1;
        max = 365;
      };
      default = 90;
      direction = "min";
      description = "Days without a login after which an account is unused.";
    };
  };

  rules = [
    {
      id = "AH-01";
      name = "Accounts are those declared, and used";
      severity = "minimal";
      tags = [ "accounts" ];
      articles.anssi-bp028 = [ "R30" ];
      evaluate = { config, ... }: [ (wantAt config "users.mutableUsers" false) ];
      implementations = [ (_: { users.mutableUsers = false; }) ];
      check =
        { config, ... }:
        let
          users = attrsAt "users.users" config;
        in
        measureAccounts "who" (
          many "--person" (builtins.filter (name: users.${name}.isNormalUser or false) (builtins.attrNames users))
          ++ given "--expired-days" 30
        );
      remediation = "Set users.mutableUsers to false, and take accounts that nobody uses out of users.users.";
    }
    {
      id = "AH-02";
      name = "Passwords are long";
      severity = "minimal";
      tags = [
        "accounts"
        "pam"
      ];
      articles.anssi-bp028 = [ "R31" ];
      evaluate =
        { config, options }:
        [
          (wantOf {
            option = ''environment.etc."security/pwquality.conf".text'';
            what = "minlen";
            observed = pwqualityValue config "minlen";
            expect."$ge" = options.minPasswordLength;
            fix = checks.lineFix ''environment.etc."security/pwquality.conf".text'' (pwqualityValue config "minlen") "minlen = ${toString options.minPasswordLength}";
          })
          (wantOf {
            option = "security.pam.services.passwd.text";
            what = "pam_pwquality.so";
            observed = match ".*password[[:space:]]+(required|requisite)[[:space:]]+[^\n]*pam_pwquality[.]so.*" (
              (attrsAt "security.pam.services" config).passwd.text or ""
            ) != null;
            expect = true;
            fix = "let pam_pwquality.so stand before pam_unix.so in the password lines of passwd";
          })
        ];
      check =
        { options, ... }:
        measureAccounts "length" (given "--min-length" options.minPasswordLength);
      remediation = "Demand a length with pam_pwquality.";
    }
    {
      id = "AH-03";
      name = "Service accounts cannot log in";
      severity = "standard";
      tags = [ "accounts" ];
      articles.anssi-bp028 = [ "R34" ];
      evaluate =
        { config, ... }:
        [
          (wantOf {
            option = "users.users";
            what = "system users with a shell";
            observed = usersThat config (user: (user.isSystemUser or false) && mayLogIn user);
            expect = [ ];
            fix = "leave shell unset for them: nologin is the default";
          })
        ];
      check = _: measureAccounts "services" [ ];
      remediation = "Leave the shell of system users unset.";
    }
    {
      id = "AH-04";
      name = "Accounts are not shared";
      severity = "standard";
      tags = [ "accounts" ];
      articles.anssi-bp028 = [ "R35" ];
      evaluate =
        { config, ... }:
        [
          (want "users.users" (repeated (uids config)) [ ] // { fix = "give each user a uid of its own"; })
          (wantOf {
            option = "systemd.services";
            what = "as nobody";
            observed = filter (
              name: elem ((attrsAt "systemd.services" config).${name}.serviceConfig.User or "") [
                "nobody"
                "65534"
              ]
            ) (attrNames (attrsAt "systemd.services" config));
            expect = [ ];
            fix = "give each service a user of its own, or DynamicUser";
          })
        ];
      check = _: measureAccounts "ids" [ ];
      remediation = "Give each service a user of its own, and each user a uid of its own.";
    }
    {
      id = "AH-05";
      name = "Passwords are stored as yescrypt, and none is empty";
      severity = "minimal";
      tags = [ "accounts" ];
      articles.anssi-bp028 = [ "R68" ];
      evaluate =
        { config, ... }:
        [
          (wantOf {
            option = "users.users";
            what = "hashes that are not yescrypt";
            observed = usersThat config (user: !(builtins.all isSound (hashes user)));
            expect = [ ];
            fix = "make them with mkpasswd, which uses yescrypt";
          })
          (wantOf {
            option = "users.users";
            what = "passwords in the clear";
            observed = usersThat config (user: (user.password or null) != null || (user.initialPassword or null) != null);
            expect = [ ];
            fix = "use hashedPasswordFile";
          })
          (want "users.allowNoPasswordLogin" (isOn "users.allowNoPasswordLogin" config) false)
        ];
      check = _: measureAccounts "hashes" [ ];
      remediation = "Make hashes with mkpasswd, and take empty ones out.";
    }
    {
      id = "AH-06";
      name = "Mail is taken from this host only";
      severity = "standard";
      tags = [ "mail" ];
      articles.anssi-bp028 = [ "R74" ];
      evaluate =
        { config, ... }:
        ifOn config "services.postfix.enable" [
          (want "services.postfix.settings.main.inet_interfaces" (
            let
              value = at "services.postfix.settings.main.inet_interfaces" config;
            in
            if builtins.isList value then builtins.concatStringsSep "," value else value
          ) {
            "$in" = [
              "loopback-only"
              "localhost"
              "127.0.0.1"
              "127.0.0.1,::1"
            ];
          } // { fix = ''services.postfix.settings.main.inet_interfaces = "loopback-only";''; })
        ];
      implementations = [
        (
          { config, ... }:
          {
            _when = isOn "services.postfix.enable" config;
            services.postfix.settings.main.inet_interfaces = "loopback-only";
          }
        )
      ];
      remediation = "Let the local mail server listen on the loopback interface only; a mail host needs a waiver.";
    }
    {
      id = "AH-07";
      name = "Mail for service accounts reaches a person";
      severity = "standard";
      tags = [ "mail" ];
      articles.anssi-bp028 = [ "R75" ];
      evaluate =
        { config, ... }:
        ifOn config "services.postfix.enable" [
          (want "services.postfix.rootAlias" (textAt "services.postfix.rootAlias" config != "") true // {
            fix = ''services.postfix.rootAlias = "admin@example.org";'';
          })
        ];
      check =
        { config, ... }:
        if checks.isOn "services.postfix.enable" config then measureAccounts "mail" [ "--mail-alias" ] else null;
      remediation = "Set services.postfix.rootAlias.";
    }
  ];
}
