# A disk that is stolen, sold or sent in for repair says nothing.
{
  measureWith,
  types,
  checks,
  ...
}:
let
  inherit (checks)
    attrsAt
    at
    isOn
    listAt
    want
    wantOf
    ;
  inherit (builtins)
    attrNames
    elem
    filter
    isString
    map
    match
    ;

  path = "compliance.controls.encryptionAtRest";
  persistent = [
    "ext2"
    "ext3"
    "ext4"
    "xfs"
    "btrfs"
    "zfs"
    "f2fs"
    "bcachefs"
  ];
  # Boot loaders read these themselves.
  isForBooting = mountPoint: match "/boot(/.*)?|/efi(/.*)?" mountPoint != null;
  isNetworkOrMemory = system: !(elem (system.fsType or "auto") (persistent ++ [ "auto" ]));

  mapped = device: if isString device then match "/dev/mapper/(.*)" device else null;
  luksNames = config: attrNames (attrsAt "boot.initrd.luks.devices" config);
  isLuks =
    config: device:
    let
      found = mapped device;
    in
    found != null && elem (builtins.head found) (luksNames config);

  # rpool/root/nixos → rpool
  poolOf = device: builtins.head (match "([^/]*).*" device);
  zfsAsked =
    config: device:
    let
      asked = at "boot.zfs.requestEncryptionCredentials" config;
    in
    asked == true || (builtins.isList asked && (elem device asked || elem (poolOf device) asked));

  # fscrypt: what lies in the file system is encrypted, the file system is not.
  isSoft = system: elem "inlinecrypt" (system.options or [ ]);

  isEncrypted =
    { config, options }:
    mountPoint:
    let
      system = (attrsAt "fileSystems" config).${mountPoint};
      device = system.device or null;
    in
    isLuks config device
    || (system.encrypted.enable or false) == true
    || ((system.fsType or "") == "zfs" && isString device && zfsAsked config device)
    || (options.allowSoftEncryption && isSoft system)
    # By UUID or label it does not show; the probe looks at what lies below.
    || elem mountPoint options.encryptedMounts;

  openSwaps =
    config:
    map (swap: swap.device or "?") (
      filter (swap: !((swap.randomEncryption.enable or false) == true || (swap.encrypted.enable or false) == true || isLuks config (swap.device or null))) (
        listAt "swapDevices" config
      )
    );

  measure = measureWith "storage/v1";
in
{
  controlId = "encryption-at-rest";
  optionName = "encryptionAtRest";
  title = "Encryption at rest";
  purpose = "What is stored is unreadable without a key that is not stored with it.";
  type = "both";
  schema = "storage/v1";

  options = {
    requireEncryptedSwap = {
      type = types.bool;
      default = true;
      direction = "any";
      description = "Memory is not swapped out in the clear.";
    };
    requireTmpOnTmpfs = {
      type = types.bool;
      default = true;
      direction = "any";
      description = "/tmp is in memory.";
    };
    allowSoftEncryption = {
      type = types.bool;
      default = false;
      direction = "all";
      description = "Encryption of folders counts, where the device is not encrypted.";
    };
    encryptedMounts = {
      type = types.listOf {
        of = types.text {
          says = "a mount point";
          pattern = "/[^[:cntrl:]]*";
          bytesMax = 1024;
        };
        max = 64;
        isSet = true;
      };
      default = [ ];
      direction = "declared";
      description = "Mount points on encrypted devices whose declaration does not show it, such as one by UUID. The probe checks them.";
    };
  };

  rules = [
    {
      id = "EAR-01";
      name = "Persistent file systems are on encrypted devices";
      severity = "standard";
      tags = [ "storage" ];
      evaluate =
        context@{ config, ... }:
        let
          systems = attrsAt "fileSystems" config;
          concerned = filter (name: !(isForBooting name || isNetworkOrMemory systems.${name})) (attrNames systems);
        in
        [
          (want "fileSystems" (attrNames systems != [ ]) true // { fix = "declare the file systems of the host"; })
          (wantOf {
            option = "fileSystems";
            what = "in the clear";
            observed = filter (name: !(isEncrypted context name)) concerned;
            expect = [ ];
            fix = "put them on boot.initrd.luks.devices, by /dev/mapper/…; where the declaration cannot show it, name them in ${path}.encryptedMounts";
          })
        ];
      check = _: measure { name = "encryption-at-rest"; privilege = "user"; applicability = "probed"; };
      remediation = "Install with LUKS2 or encrypted ZFS; a device that holds data is encrypted in place by cryptsetup reencrypt, after a backup.";
    }
    {
      id = "EAR-02";
      name = "/tmp is in memory";
      severity = "standard";
      tags = [ "storage" ];
      evaluate =
        { config, options }:
        [
          (want "boot.tmp.useTmpfs" (
            !options.requireTmpOnTmpfs
            || isOn "boot.tmp.useTmpfs" config
            || ((attrsAt "fileSystems" config)."/tmp".fsType or null) == "tmpfs"
          ) true)
        ];
      implementations = [
        (
          { options, ... }:
          {
            _when = options.requireTmpOnTmpfs;
            boot.tmp.useTmpfs = true;
          }
        )
      ];
      check =
        { options, ... }:
        if options.requireTmpOnTmpfs then
          measure {
            name = "mounts";
            args = [ "--expect" "/tmp=tmpfs" ];
            privilege = "user";
          }
        else
          null;
      remediation = "Set boot.tmp.useTmpfs.";
    }
    {
      id = "EAR-03";
      name = "Swap is encrypted, or there is none";
      severity = "standard";
      tags = [ "storage" ];
      evaluate =
        { config, options }:
        [
          (want "swapDevices" (if options.requireEncryptedSwap then openSwaps config else [ ]) [ ] // {
            fix = "set randomEncryption.enable for them, or put them on boot.initrd.luks.devices, or use zramSwap";
          })
        ];
      check =
        { options, ... }:
        if options.requireEncryptedSwap then measure { name = "swap"; privilege = "user"; applicability = "probed"; } else null;
      remediation = "Encrypt swap with a random key, or use zramSwap.";
    }
    {
      id = "EAR-04";
      name = "Keys are bound to the measured boot";
      severity = "strict";
      tags = [
        "storage"
        "tpm"
      ];
      check =
        _:
        measure {
          name = "luks";
          args = [ "--pcr" "7" ];
          applicability = "probed";
        };
      remediation = "Enrol the TPM with systemd-cryptenroll and the PCRs of the level.";
    }
  ];
}
