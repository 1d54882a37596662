# People prove who they are, by more than one thing where that is asked for.
{
  given,
  measureWith,
  types,
  checks,
  ...
}:
let
  inherit (checks)
    attrsAt
    ifOn
    isOn
    lines
    sshdValues
    textAt
    note
    wantOf
    words
    ;
  inherit (builtins)
    all
    any
    attrNames
    concatMap
    filter
    isString
    map
    match
    ;

  # Every alternative of every AuthenticationMethods, Match blocks included, has two methods.
  isTwo = method: match "[^,]+(,[^,]+)+" method != null;
  areTwo = value: isString value && words value != [ ] && all isTwo (words value);
  hasTwoMethods = config: all areTwo (sshdValues config "AuthenticationMethods");

  # Keys on hardware that asks for a PIN or a finger, and nothing else to log in with.
  hasOnlyVerifiedKeys =
    config:
    let
      users = attrsAt "users.users" config;
      keys = concatMap (name: users.${name}.openssh.authorizedKeys.keys or [ ]) (attrNames users);
      files = concatMap (name: users.${name}.openssh.authorizedKeys.keyFiles or [ ]) (attrNames users);
      isHardware = key: match "(.* )?sk-(ssh-ed25519|ecdsa-sha2-nistp256)@openssh.com .*" key != null;
    in
    keys != [ ]
    && files == [ ]
    && all isHardware keys
    && sshdValues config "PubkeyAuthOptions" == [ "verify-required" ]
    && sshdValues config "PasswordAuthentication" == [ "no" ]
    && sshdValues config "KbdInteractiveAuthentication" == [ "no" ];

  # A second factor that PAM asks for, in the service that sshd uses.
  pamModules = "pam_(google_authenticator|u2f|oath|duo|rssh)[.]so";
  hasPamFactor =
    config:
    let
      text = (attrsAt "security.pam.services" config).sshd.text or "";
    in
    isOn "services.openssh.settings.UsePAM" config
    && any (line: match "auth[[:space:]]+(required|requisite)[[:space:]]+([^[:space:]]*/)?${pamModules}.*" line != null) (lines text);

  ldapUris = text: filter (line: match "[[:space:]]*ldap_uri[[:space:]]*=.*" line != null) (lines text);

  measure = measureWith "authentication/v1";
in
{
  controlId = "authentication";
  optionName = "authentication";
  title = "Authentication";
  purpose = "Whoever logs in is who they say.";
  type = "both";
  schema = "authentication/v1";

  options = {
    mfaRequired = {
      type = types.bool;
      default = false;
      direction = "any";
      description = "Logins need two factors.";
    };
    maxServiceAccounts = {
      type = types.int {
        min = 0;
        max = 1000;
      };
      default = 10;
      direction = "min";
      description = "Most service accounts that may log in.";
    };
  };

  rules = [
    {
      id = "AU-01";
      name = "Logins over SSH need two factors";
      severity = "standard";
      tags = [
        "ssh"
        "mfa"
      ];
      evaluate =
        { config, options }:
        if !options.mfaRequired then
          [ (note "compliance.controls.authentication.mfaRequired" false) ]
        else
          ifOn config "services.openssh.enable" [
            (wantOf {
              option = "services.openssh.settings.AuthenticationMethods";
              what = null;
              observed = hasTwoMethods config || hasOnlyVerifiedKeys config || hasPamFactor config;
              expect = true;
              fix =
                # The settings are fine, and a Match block is not.
                if areTwo (builtins.head (sshdValues config "AuthenticationMethods")) then
                  "write two methods in every AuthenticationMethods of services.openssh.extraConfig"
                else
                  ''services.openssh.settings.AuthenticationMethods = "publickey,keyboard-interactive"; # or only sk- keys with PubkeyAuthOptions = "verify-required"'';
            })
          ];
      check =
        { options, ... }:
        if options.mfaRequired then measure { name = "ssh-methods"; applicability = "probed"; } else null;
      remediation = "Demand two methods in every AuthenticationMethods, or a second factor by PAM, or only sk- keys with verify-required.";
    }
    {
      id = "AU-02";
      name = "SSH keys come from a certificate authority";
      severity = "strict";
      tags = [ "ssh" ];
      check = _: measure { name = "ssh-ca"; };
      remediation = "Set TrustedUserCAKeys and sign people's keys for a short time.";
    }
    {
      id = "AU-03";
      name = "Few service accounts can log in";
      severity = "standard";
      tags = [ "accounts" ];
      check =
        { options, ... }:
        measure {
          name = "service-accounts";
          args = given "--max" options.maxServiceAccounts;
          privilege = "user";
        };
      remediation = "Give service accounts nologin as their shell, and no password.";
    }
    {
      id = "AU-04";
      name = "Directories are asked over verified TLS only";
      severity = "standard";
      tags = [ "directory" ];
      articles.anssi-bp028 = [
        "R67"
        "R69"
        "R70"
      ];
      evaluate =
        { config, ... }:
        ifOn config "users.ldap.enable" [
          (wantOf {
            option = "users.ldap.server";
            what = null;
            observed =
              isOn "users.ldap.useTLS" config
              || (words (textAt "users.ldap.server" config) != [ ]
                && all (uri: match "ldaps://.*" uri != null) (words (textAt "users.ldap.server" config)));
            expect = true;
            fix = "users.ldap.useTLS = true; # or ldaps:// in users.ldap.server";
          })
        ]
        ++ ifOn config "services.sssd.enable" (
          let
            text = textAt "services.sssd.config" config;
            says = pattern: any (line: match pattern line != null) (lines text);
          in
          [
            (wantOf {
              option = "services.sssd.config";
              what = "ldap_tls_reqcert";
              observed =
                ldapUris text == [ ]
                || says "[[:space:]]*ldap_tls_reqcert[[:space:]]*=[[:space:]]*(demand|hard)[[:space:]]*";
              expect = true;
              fix = "write ldap_tls_reqcert = demand in services.sssd.config, where the domain is";
            })
            (wantOf {
              option = "services.sssd.config";
              what = "ldap_uri";
              observed =
                all (line: match ".*ldap://.*" line == null) (ldapUris text)
                || says "[[:space:]]*ldap_id_use_start_tls[[:space:]]*=[[:space:]]*[Tt]rue[[:space:]]*";
              expect = true;
              fix = "write ldaps:// in ldap_uri of services.sssd.config, or ldap_id_use_start_tls = true";
            })
          ]
        );
      check = _: measure { name = "directory-tls"; applicability = "probed"; };
      remediation = "Use ldaps:// or StartTLS, and let the certificate be checked.";
    }
  ];
}
