# Secrets are readable by who needs them, and not for ever the same.
{
  given,
  many,
  measureWith,
  types,
  checks,
  ...
}:
let
  inherit (checks) attrsAt want wantOf;
  inherit (builtins)
    attrNames
    concatMap
    filter
    isString
    map
    match
    storeDir
    ;

  # Options whose values end up in the store, which everybody can read.
  inStore =
    config:
    let
      users = attrsAt "users.users" config;
      wireless = attrsAt "networking.wireless.networks" config;
      wireguard = attrsAt "networking.wireguard.interfaces" config;
      quick = attrsAt "networking.wg-quick.interfaces" config;
      set =
        prefix: entries: option:
        map (name: "${prefix}.${name}.${option}") (filter (name: (entries.${name}.${option} or null) != null) (attrNames entries));
    in
    set "users.users" users "password"
    ++ set "users.users" users "initialPassword"
    ++ set "networking.wireless.networks" wireless "psk"
    ++ set "networking.wireguard.interfaces" wireguard "privateKey"
    ++ set "networking.wg-quick.interfaces" quick "privateKey";

  # Paths of secrets that are read at run time, and must not be store paths.
  secretPaths =
    config: options:
    options.secretFiles
    ++ concatMap (
      name:
      let
        user = (attrsAt "users.users" config).${name};
      in
      filter (file: file != null) [ (user.hashedPasswordFile or null) ]
    ) (attrNames (attrsAt "users.users" config))
    ++ concatMap (secrets: map (name: secrets.${name}.path or null) (attrNames secrets)) [
      (attrsAt "age.secrets" config)
      (attrsAt "sops.secrets" config)
    ];
  isStored = file: isString file && match "${storeDir}/.*" file != null;

  measure = measureWith "keys/v1";
in
{
  controlId = "key-management";
  optionName = "keyManagement";
  title = "Key management";
  purpose = "Keys are of a good kind, known, replaced in time, and readable by their owner alone.";
  type = "both";
  schema = "keys/v1";

  options = {
    maxKeyAgeDays = {
      type = types.int {
        min = 1;
        max = 3650;
      };
      default = 365;
      direction = "min";
      description = "Days after which a host key is replaced.";
    };
    requiredAlgorithms = {
      type = types.listOf {
        of = types.oneOf [
          "ed25519"
          "ecdsa-p256"
        ];
        min = 1;
        max = 2;
        isSet = true;
      };
      default = [ "ed25519" ];
      direction = "intersect";
      description = "What host keys may be.";
    };
    secretFiles = {
      type = types.listOf {
        of = types.text {
          says = "an absolute path";
          pattern = "/[^[:cntrl:]]*";
          bytesMax = 1024;
        };
        max = 256;
        isSet = true;
      };
      default = [ ];
      direction = "declared";
      description = "Files with secrets on the host, beside those of agenix and sops-nix.";
    };
    luksSlots = {
      type = types.nullOr (types.int {
        min = 1;
        max = 32;
      });
      default = null;
      direction = "declared";
      description = "Key slots that each LUKS container has. Null: they are not counted.";
    };
    certificateFiles = {
      type = types.listOf {
        of = types.text {
          says = "an absolute path";
          pattern = "/[^[:cntrl:]]*";
          bytesMax = 1024;
        };
        max = 256;
        isSet = true;
      };
      default = [ ];
      direction = "declared";
      description = "PEM files with the certificates that this host uses.";
    };
    registeredCertificates = {
      type = types.listOf {
        of = types.text {
          says = "64 lower-case hexadecimal digits";
          pattern = "[0-9a-f]{64}";
          bytesMax = 64;
        };
        max = 256;
        isSet = true;
      };
      default = [ ];
      direction = "declared";
      description = "The register: SHA-256 of each certificate (DER).";
    };
  };

  rules = [
    {
      id = "KM-01";
      name = "No secret is in the Nix store";
      severity = "strict";
      tags = [ "secrets" ];
      articles.anssi-bp028 = [ "R51" ];
      evaluate =
        { config, options }:
        [
          (wantOf {
            option = "users.users";
            what = "secrets in the clear";
            observed = inStore config;
            expect = [ ];
            fix = "give a file that a secrets manager puts on the host, such as hashedPasswordFile, secretsFile or privateKeyFile";
          })
          (want "compliance.controls.keyManagement.secretFiles" (filter isStored (secretPaths config options)) [ ] // {
            fix = "encrypt them to the host with agenix or sops-nix, and name the path where they are decrypted";
          })
        ];
      remediation = "Encrypt secrets to the host's key with agenix or sops-nix, and replace what was in the store.";
    }
    {
      id = "KM-02";
      name = "Host keys are of a good kind, and not too old";
      severity = "standard";
      tags = [ "ssh" ];
      check =
        { options, ... }:
        measure {
          name = "host-keys";
          args = many "--algorithm" (map (name: { ed25519 = "ssh-ed25519"; ecdsa-p256 = "ecdsa-sha2-nistp256"; }.${name}) options.requiredAlgorithms);
          privilege = "user";
        };
      remediation = "Rotate the host's key: nixfleet host rotate.";
    }
    {
      id = "KM-03";
      name = "LUKS has the slots that are declared";
      severity = "strict";
      tags = [ "storage" ];
      check =
        { options, ... }:
        if options.luksSlots == null then
          null
        else
          measure {
            name = "luks";
            args = given "--slots" options.luksSlots;
            applicability = "probed";
          };
      remediation = "Remove key slots that nobody declared, with systemd-cryptenroll --wipe-slot.";
    }
    {
      id = "KM-04";
      name = "Secret files are in memory, and their owner's";
      severity = "standard";
      tags = [ "secrets" ];
      check =
        { config, ... }:
        let
          ofManager =
            path:
            map (secret: "${secret.path}=${secret.owner or "root"}:${secret.group or "root"}:${secret.mode or "400"}") (
              filter (secret: (secret.path or null) != null) (builtins.attrValues (attrsAt path config))
            );
          secrets = ofManager "age.secrets" ++ ofManager "sops.secrets";
        in
        if secrets == [ ] then
          null
        else
          measure {
            name = "secret-files";
            args = many "--secret" secrets;
          };
      remediation = "Set owner and mode of the secret, and let it be decrypted to ramfs or tmpfs.";
    }
    {
      id = "KM-05";
      name = "Every certificate is in the register";
      severity = "standard";
      tags = [ "tls" ];
      check =
        { options, ... }:
        if options.certificateFiles == [ ] then
          null
        else
          measure {
            name = "certificates";
            args =
              many "--file" options.certificateFiles
              ++ [ "--warning-days" "0" "--only-registered" ]
              ++ many "--registered" options.registeredCertificates;
          };
      remediation = "Declare the certificate, or remove it.";
    }
  ];
}
