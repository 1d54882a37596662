# What passes over the network cannot be read or changed on its way.
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
    ifOn
    listAt
    textAt
    want
    wantOf
    words
    ;
  inherit (builtins)
    any
    attrNames
    elem
    filter
    map
    match
    ;

  versions = [
    "1.2"
    "1.3"
  ];
  # nginx and Apache name what they speak.
  tooOld =
    options: names:
    filter (name: !(elem name (map (version: "TLSv${version}") (accepted options)))) (map (name: if name == "TLSv1" then "TLSv1.0" else name) names);
  accepted = options: filter (version: version == options.minTlsVersion || version == "1.3") versions;

  # Apache: "All -SSLv3 -TLSv1 -TLSv1.1", "+TLSv1.3", "TLSv1.2 TLSv1.3".
  apacheVersions =
    text:
    let
      tokens = words text;
      all = [
        "TLSv1"
        "TLSv1.1"
        "TLSv1.2"
        "TLSv1.3"
      ];
      start = if any (token: match "[Aa]ll|[+][Aa]ll" token != null) tokens then all else [ ];
      added = filter (name: elem name tokens || elem "+${name}" tokens) all;
      removed = filter (name: elem "-${name}" tokens) all;
    in
    filter (name: !(elem name removed)) (start ++ added);

  listener = types.record {
    title = "listener";
    options = {
      port = {
        type = types.int {
          min = 1;
          max = 65535;
        };
        description = "Where it listens.";
      };
      minTlsVersion = {
        type = types.oneOf versions;
        description = "The lowest version that it is configured to speak. The probe shakes hands with it.";
      };
      address = {
        type = types.text {
          says = "an address of this host";
          pattern = "[0-9a-fA-F.:]+";
          bytesMax = 45;
        };
        default = "127.0.0.1";
        description = "Where the probe finds it.";
      };
      serverName = {
        type = types.nullOr (types.text {
          says = "a host name";
          pattern = "[A-Za-z0-9.-]+";
          bytesMax = 253;
        });
        default = null;
        description = "The name in its certificate.";
      };
    };
  };

  measure = measureWith "tls/v1";
  measureListeners =
    options: warningDays:
    let
      listeners = builtins.attrValues options.listeners;
      isSix = address: builtins.match ".*:.*" address != null;
      shown =
        listener:
        "${if isSix listener.address then "[${listener.address}]" else listener.address}:${toString listener.port}"
        + (if listener.serverName == null then "" else "=${listener.serverName}");
    in
    if listeners == [ ] then
      null
    else
      measure {
        name = "tls-listener";
        args =
          many "--listener" (map shown listeners)
          ++ given "--min-version" "TLSv${options.minTlsVersion}"
          ++ given "--warning-days" warningDays;
        privilege = "user";
      };

  # Of OpenSSH 9 and newer, without SHA-1, CBC and MACs over plain text.
  sshAlgorithms = {
    kex = [
      "mlkem768x25519-sha256"
      "sntrup761x25519-sha512"
      "sntrup761x25519-sha512@openssh.com"
      "curve25519-sha256"
      "curve25519-sha256@libssh.org"
      "diffie-hellman-group16-sha512"
      "diffie-hellman-group18-sha512"
      "diffie-hellman-group-exchange-sha256"
    ];
    ciphers = [
      "chacha20-poly1305@openssh.com"
      "aes256-gcm@openssh.com"
      "aes128-gcm@openssh.com"
      "aes256-ctr"
      "aes192-ctr"
      "aes128-ctr"
    ];
    macs = [
      "hmac-sha2-512-etm@openssh.com"
      "hmac-sha2-256-etm@openssh.com"
      "umac-128-etm@openssh.com"
    ];
  };
in
{
  controlId = "encryption-in-transit";
  optionName = "encryptionInTransit";
  title = "Encryption in transit";
  purpose = "Connections are encrypted with what is not broken, to whom they say.";
  type = "both";
  schema = "tls/v1";

  options = {
    minTlsVersion = {
      type = types.oneOf versions;
      default = "1.2";
      direction = "max";
      scale = versions;
      description = "The lowest version of TLS that is spoken.";
    };
    certExpiryWarningDays = {
      type = types.int {
        min = 1;
        max = 365;
      };
      default = 30;
      direction = "max";
      description = "Days before its end from which a certificate is too old.";
    };
    listeners = {
      type = types.attrsOf {
        name = types.text {
          says = "a name: a-z, 0-9 and -";
          pattern = "[a-z0-9][a-z0-9-]*";
          bytesMax = 64;
        };
        of = listener;
      };
      default = { };
      direction = "declared";
      description = "What listens here with TLS, for the probe.";
    };
  };

  rules = [
    {
      id = "EIT-01";
      name = "Listeners speak no old TLS";
      severity = "standard";
      tags = [ "tls" ];
      evaluate =
        { config, options }:
        ifOn config "services.nginx.enable" [
          (want "services.nginx.sslProtocols" (
            let
              named = words (textAt "services.nginx.sslProtocols" config);
            in
            if named == [ ] then [ "none" ] else tooOld options named
          ) [ ] // { fix = ''services.nginx.sslProtocols = "${builtins.concatStringsSep " " (map (v: "TLSv${v}") (accepted options))}";''; })
        ]
        ++ ifOn config "services.httpd.enable" [
          (want "services.httpd.sslProtocols" (
            let
              spoken = apacheVersions (textAt "services.httpd.sslProtocols" config);
            in
            if spoken == [ ] then [ "none" ] else tooOld options spoken
          ) [ ] // { fix = ''services.httpd.sslProtocols = "${builtins.concatStringsSep " " (map (v: "+TLSv${v}") (accepted options))}";''; })
        ]
        ++ [
          (want "compliance.controls.encryptionInTransit.listeners" (
            filter (name: !(elem options.listeners.${name}.minTlsVersion (accepted options))) (attrNames options.listeners)
          ) [ ] // { fix = "configure these listeners for TLS ${options.minTlsVersion} or newer, and say so"; })
        ];
      remediation = "Raise the versions of TLS of the named servers.";
    }
    {
      id = "EIT-02";
      name = "sshd has an ed25519 host key";
      severity = "standard";
      tags = [ "ssh" ];
      evaluate =
        { config, ... }:
        ifOn config "services.openssh.enable" [
          (wantOf {
            option = "services.openssh.hostKeys";
            what = null;
            observed = any (key: (key.type or "") == "ed25519") (listAt "services.openssh.hostKeys" config);
            expect = true;
            fix = ''services.openssh.hostKeys = [ { type = "ed25519"; path = "/etc/ssh/ssh_host_ed25519_key"; } ];'';
          })
        ];
      check = _: measure { name = "host-keys"; privilege = "user"; };
      remediation = "Add an ed25519 key to services.openssh.hostKeys.";
    }
    {
      id = "EIT-03";
      name = "Listeners prove it in a handshake";
      severity = "standard";
      tags = [ "tls" ];
      check = { options, ... }: measureListeners options 0;
      remediation = "Correct version, ciphers or chain of the named listener.";
    }
    {
      id = "EIT-04";
      name = "Certificates in use are valid for a while";
      severity = "standard";
      tags = [ "tls" ];
      check = { options, ... }: measureListeners options options.certExpiryWarningDays;
      remediation = "Renew the certificate, and see why it was not renewed by itself.";
    }
    {
      id = "EIT-05";
      name = "sshd negotiates only what the policy names";
      severity = "standard";
      tags = [ "ssh" ];
      check =
        _:
        measure {
          name = "ssh-algorithms";
          args = many "--kex" sshAlgorithms.kex ++ many "--cipher" sshAlgorithms.ciphers ++ many "--mac" sshAlgorithms.macs;
          applicability = "probed";
        };
      remediation = "Set KexAlgorithms, Ciphers and Macs under services.openssh.settings.";
    }
  ];
}
