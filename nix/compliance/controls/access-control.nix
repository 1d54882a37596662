# Who gets in, how, and for how long.
{ given, many, measureWith, switch, types, checks, ... }:
let
  inherit (checks)
    at
    ifOn
    listAt
    attrsAt
    sshd
    sshdValues
    want
    wantOf
    ;
  inherit (builtins)
    attrNames
    concatMap
    filter
    fromJSON
    head
    isInt
    isString
    map
    match
    ;

  # "15min", "900", "1h": what systemd and sshd write for a span, in minutes, rounded up; null if it is none, or endless.
  minutesOf =
    value:
    let
      parts = if isString value then match "([1-9][0-9]*)(s|sec|m|min|h|hr)?" value else null;
      number = fromJSON (head parts);
      unit = builtins.elemAt parts 1;
      seconds =
        if unit == "h" || unit == "hr" then
          number * 3600
        else if unit == "m" || unit == "min" then
          number * 60
        else
          number;
    in
    if isInt value then
      (if value > 0 then (value + 59) / 60 else null)
    else if parts == null then
      null
    else
      (seconds + 59) / 60;

  # The shells' own limit, in seconds.
  tmoutOf =
    config:
    let
      variable = at "environment.variables.TMOUT" config;
      parts = if isString variable then match "([0-9]+)" variable else null;
    in
    if isInt variable then
      variable
    else if parts == null then
      null
    else
      fromJSON (head parts);

  adminKeys =
    config:
    concatMap (user: map (key: "${user}") ((attrsAt "users.users" config).${user}.openssh.authorizedKeys.keys or [ ])) (
      attrNames (attrsAt "users.users" config)
    );

  # Members of wheel, by the group's list and by the users' own.
  wheelOf =
    config:
    let
      users = attrsAt "users.users" config;
      byUser = filter (
        name: builtins.elem "wheel" (users.${name}.extraGroups or [ ]) || (users.${name}.group or null) == "wheel"
      ) (attrNames users);
    in
    byUser ++ filter (name: !(builtins.elem name byUser)) (listAt "users.groups.wheel.members" config);

  measure = measureWith "anssi-bp028/v1";
in
{
  controlId = "access-control";
  optionName = "accessControl";
  title = "Access control";
  purpose = "Only declared administrators get in, with keys, as themselves, and idle sessions end.";
  type = "both";
  schema = "anssi-bp028/v1";

  options = {
    passwordAuthDisabled = {
      type = types.bool;
      default = true;
      direction = "any";
      description = "SSH takes no passwords.";
    };
    rootLoginDisabled = {
      type = types.bool;
      default = true;
      direction = "any";
      description = "Nobody logs in as root with a password.";
    };
    idleTimeoutMinutes = {
      type = types.int {
        min = 1;
        max = 1440;
      };
      default = 30;
      direction = "min";
      description = "Minutes after which an idle session ends.";
    };
    administrators = {
      type = types.listOf {
        of = types.text {
          says = "the name of a user";
          pattern = "[a-z_][a-z0-9_-]*";
          bytesMax = 64;
        };
        max = 256;
        isSet = true;
      };
      default = [ ];
      direction = "declared";
      description = "Who may be a member of wheel.";
    };
  };

  rules = [
    {
      id = "AC-01";
      name = "SSH takes keys, not passwords, and root does not log in with one";
      severity = "standard";
      tags = [ "ssh" ];
      articles.anssi-bp028 = [ "R33" ];
      evaluate =
        { config, options }:
        ifOn config "services.openssh.enable" (
          (
            if options.passwordAuthDisabled then
              [
                (sshd config "PasswordAuthentication" [ "no" ])
                # As the second factor after a key it is no password login.
                (wantOf {
                  option = "services.openssh.settings.KbdInteractiveAuthentication";
                  what = null;
                  observed =
                    let
                      methods = sshdValues config "AuthenticationMethods";
                      isSecond = methods != [ null ] && builtins.all (method: method != null && match "publickey,.*" method != null) methods;
                    in
                    isSecond || sshdValues config "KbdInteractiveAuthentication" == [ "no" ];
                  expect = true;
                  fix =
                    if head (sshdValues config "KbdInteractiveAuthentication") == "no" then
                      "take other values of KbdInteractiveAuthentication out of services.openssh.extraConfig"
                    else
                      ''services.openssh.settings.KbdInteractiveAuthentication = false; # or AuthenticationMethods = "publickey,keyboard-interactive"'';
                })
              ]
            else
              [ (want "compliance.controls.accessControl.passwordAuthDisabled" options.passwordAuthDisabled true) ]
          )
          ++ (
            if options.rootLoginDisabled then
              [
                (sshd config "PermitRootLogin" [
                  "no"
                  "prohibit-password"
                  "without-password"
                ])
              ]
            else
              [ (want "compliance.controls.accessControl.rootLoginDisabled" options.rootLoginDisabled true) ]
          )
        );
      implementations = [
        (_: {
          services.openssh.settings = {
            PasswordAuthentication = false;
            KbdInteractiveAuthentication = false;
            PermitRootLogin = "no";
          };
        })
      ];
      check = _: measure { name = "ssh-login"; applicability = "probed"; };
      remediation = "Set services.openssh.settings.PasswordAuthentication and KbdInteractiveAuthentication to false and PermitRootLogin to no, and take out Match blocks that say otherwise.";
    }
    {
      id = "AC-02";
      name = "Idle sessions end";
      severity = "standard";
      tags = [
        "ssh"
        "sessions"
      ];
      articles.anssi-bp028 = [ "R32" ];
      # ClientAliveCountMax 0 disables the disconnect since OpenSSH 8.2, so it is not accepted for one.
      evaluate =
        { config, options }:
        let
          limit = options.idleTimeoutMinutes;
          unused = head (sshdValues config "UnusedConnectionTimeout");
          channels = head (sshdValues config "ChannelTimeout");
          session = if isString channels then match "(.* )?(session|session:\\*|\\*)=([0-9a-z]+)( .*)?" channels else null;
          idle = at "services.logind.settings.Login.StopIdleSessionSec" config;
          tmout = tmoutOf config;
        in
        [
          (want "environment.variables.TMOUT" tmout {
            "$ge" = 1;
            "$le" = limit * 60;
          } // { fix = "environment.variables.TMOUT = \"${toString (limit * 60)}\";"; })
          (want "services.logind.settings.Login.StopIdleSessionSec" (minutesOf idle) {
            "$le" = limit;
          } // { fix = "services.logind.settings.Login.StopIdleSessionSec = \"${toString limit}min\";"; })
        ]
        ++ ifOn config "services.openssh.enable" [
          (want "services.openssh.settings.ChannelTimeout" (if session == null then null else minutesOf (builtins.elemAt session 2)) {
            "$le" = limit;
          } // { fix = "services.openssh.settings.ChannelTimeout = \"session=${toString limit}m\";"; })
          (want "services.openssh.settings.UnusedConnectionTimeout" (minutesOf unused) {
            "$le" = limit;
          } // { fix = "services.openssh.settings.UnusedConnectionTimeout = \"${toString limit}m\";"; })
        ];
      implementations = [
        (
          { options, ... }:
          let
            minutes = toString options.idleTimeoutMinutes;
          in
          {
            environment.variables.TMOUT = toString (options.idleTimeoutMinutes * 60);
            services.logind.settings.Login.StopIdleSessionSec = "${minutes}min";
            services.openssh.settings = {
              ChannelTimeout = "session=${minutes}m";
              UnusedConnectionTimeout = "${minutes}m";
            };
          }
        )
      ];
      check =
        { options, ... }:
        measure {
          name = "ssh-idle";
          args = given "--max-minutes" options.idleTimeoutMinutes;
        };
      remediation = "Set TMOUT, logind's StopIdleSessionSec and sshd's ChannelTimeout and UnusedConnectionTimeout (OpenSSH 9.2 or newer) to the limit or less.";
    }
    {
      id = "AC-03";
      name = "Administrators are those declared, each by name";
      severity = "standard";
      tags = [ "accounts" ];
      articles.anssi-bp028 = [ "R33" ];
      evaluate =
        { config, options }:
        [
          (wantOf {
            option = "users.groups.wheel.members";
            what = null;
            observed = wheelOf config;
            expect."$subset" = [ "root" ] ++ options.administrators;
            fix =
              let
                declared = [ "root" ] ++ options.administrators;
                others = filter (name: !(builtins.elem name declared)) (wheelOf config);
              in
              # All of them: in place of what was declared, the list would have to say it again.
              "compliance.controls.accessControl.administrators = ${checks.show (options.administrators ++ others)}; # or take them out of wheel";
          })
          (wantOf {
            option = "users.users.root.openssh.authorizedKeys.keys";
            what = null;
            observed = filter (user: user == "root") (adminKeys config);
            expect = [ ];
            fix = "give the keys to users of their own, so that it shows who did what";
          })
        ];
      check =
        { config, options }:
        let
          users = attrsAt "users.users" config;
          hasFiles = builtins.any (name: (users.${name}.openssh.authorizedKeys.keyFiles or [ ]) != [ ]) (attrNames users);
          keys = concatMap (
            name: map (key: "${name}=${builtins.replaceStrings [ "\n" ] [ "" ] key}") (users.${name}.openssh.authorizedKeys.keys or [ ])
          ) ([ "root" ] ++ options.administrators);
        in
        measure {
          name = "administrators";
          args =
            [ "--group" "wheel" ]
            ++ many "--member" options.administrators
            # Of keys in files, the configuration does not say which they are.
            ++ switch "--compare-keys" (!hasFiles)
            ++ (if hasFiles then [ ] else many "--key" keys);
        };
      remediation = "Declare administrators in compliance.controls.accessControl.administrators, and give keys to people, not to root.";
    }
    {
      id = "AC-04";
      name = "Accounts lock after failed logins";
      severity = "standard";
      tags = [ "pam" ];
      articles.anssi-bp028 = [ "R32" ];
      evaluate =
        { config, ... }:
        let
          faillockLines = checks.lines ((attrsAt "environment.etc" config)."security/faillock.conf".text or "");
          valueOf =
            name:
            let
              found = filter (parts: parts != null) (map (match "[[:space:]]*${name}[[:space:]]*=[[:space:]]*([0-9]+)[[:space:]]*") faillockLines);
            in
            if found == [ ] then null else fromJSON (head (head found));
          unlock = valueOf "unlock_time";
          services = attrsAt "security.pam.services" config;
          # login and sshd are where people come in.
          guarded = filter (name: services ? ${name} && match ".*pam_faillock[.]so.*" (services.${name}.text or "") == null) [
            "login"
            "sshd"
          ];
        in
        [
          (wantOf {
            option = ''environment.etc."security/faillock.conf".text'';
            what = "deny";
            observed = valueOf "deny";
            expect = {
              "$ge" = 1;
              "$le" = 5;
            };
            fix = checks.lineFix ''environment.etc."security/faillock.conf".text'' (valueOf "deny") "deny = 5";
          })
          (wantOf {
            option = ''environment.etc."security/faillock.conf".text'';
            what = "unlock_time";
            # 0: until an administrator unlocks it.
            observed = if unlock == 0 then 900 else unlock;
            expect."$ge" = 900;
            fix = checks.lineFix ''environment.etc."security/faillock.conf".text'' unlock "unlock_time = 900";
          })
          (wantOf {
            option = "security.pam.services";
            what = "without pam_faillock";
            observed = guarded;
            expect = [ ];
            fix = "add pam_faillock.so to the auth and account lines of login and sshd";
          })
        ];
      check = _: measure { name = "lockout"; privilege = "user"; };
      remediation = "Configure pam_faillock with deny 1 to 5 and unlock_time of 900 seconds or more (0: never) for login and sshd.";
    }
  ];
}
