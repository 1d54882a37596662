# Files are whose they should be, and programs that change the user are few.
{
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
    want
    wantOf
    ;
  inherit (builtins)
    any
    attrNames
    concatMap
    elem
    filter
    map
    match
    ;

  # By BP-028 v2, R28: what a mount point needs, where it is a file system of its own.
  wantedOptions = {
    "/boot" = [
      "nosuid"
      "nodev"
      "noexec"
    ];
    "/tmp" = [
      "nosuid"
      "nodev"
      "noexec"
    ];
    "/var/tmp" = [
      "nosuid"
      "nodev"
      "noexec"
    ];
    "/var/log" = [
      "nosuid"
      "nodev"
      "noexec"
    ];
    "/var" = [
      "nosuid"
      "nodev"
    ];
    "/home" = [
      "nosuid"
      "nodev"
    ];
    "/srv" = [
      "nosuid"
      "nodev"
    ];
  };
  systems = config: attrsAt "fileSystems" config;
  optionsOf = config: mountPoint: (systems config).${mountPoint}.options or [ ];
  lacking =
    config:
    concatMap (
      mountPoint:
      if (systems config) ? ${mountPoint} then map (option: "${mountPoint}: ${option}") (missing config mountPoint) else [ ]
    ) (attrNames wantedOptions);
  missing =
    config: mountPoint: filter (option: !(elem option (optionsOf config mountPoint))) wantedOptions.${mountPoint};

  # vfat has no owners: the mask says it. fmask may take away more.
  isClosed =
    options:
    any (option: match "umask=0?[0-7]77" option != null) options
    || (
      any (option: match "fmask=0?[0-7]77" option != null) options
      && any (option: match "dmask=0?[0-7]77" option != null) options
    );
  bootMounts = config: filter (mountPoint: match "/boot(/.*)?|/efi" mountPoint != null) (attrNames (systems config));

  setuidWrappers =
    config:
    let
      wrappers = attrsAt "security.wrappers" config;
    in
    filter (
      name: (wrappers.${name}.enable or true) && ((wrappers.${name}.setuid or false) || (wrappers.${name}.setgid or false))
    ) (attrNames wrappers);

  measure = measureWith "anssi-bp028/v1";
in
{
  controlId = "filesystem-hygiene";
  optionName = "filesystemHygiene";
  title = "File system hygiene";
  purpose = "Files belong to somebody, and nobody else changes them.";
  type = "both";
  schema = "anssi-bp028/v1";

  options.setuidAllowed = {
    type = types.listOf {
      of = types.text {
        says = "the name of a wrapper";
        pattern = "[A-Za-z0-9_.+-]+";
        bytesMax = 64;
      };
      max = 128;
      isSet = true;
    };
    default = [
      "dbus-daemon-launch-helper"
      "fusermount"
      "fusermount3"
      "mount"
      "newgidmap"
      "newgrp"
      "newuidmap"
      "passwd"
      "sg"
      "su"
      "sudo"
      "sudoedit"
      "umount"
      "unix_chkpwd"
    ];
    direction = "intersect";
    description = "Programs that may change user or group.";
  };

  rules = [
    {
      id = "FH-01";
      name = "File systems are mounted with what they need, and no more";
      severity = "standard";
      tags = [ "mounts" ];
      articles.anssi-bp028 = [ "R28" ];
      evaluate =
        { config, ... }:
        [ (want "fileSystems" (lacking config) [ ] // { fix = checks.linesFor (
            mountPoint: "fileSystems.\"${mountPoint}\".options = ${checks.show (missing config mountPoint)};"
          ) (filter (mountPoint: (systems config) ? ${mountPoint} && missing config mountPoint != [ ]) (attrNames wantedOptions)); }) ];
      remediation = "Add nosuid, nodev and noexec to the options of the named file systems.";
    }
    {
      id = "FH-02";
      name = "Only root reads /boot";
      severity = "strict";
      tags = [
        "mounts"
        "boot"
      ];
      articles.anssi-bp028 = [ "R29" ];
      evaluate =
        { config, ... }:
        [
          (wantOf {
            option = "fileSystems";
            what = "open /boot";
            observed = filter (mountPoint: !(isClosed (optionsOf config mountPoint))) (bootMounts config);
            expect = [ ];
            fix = checks.linesFor (
              mountPoint: ''fileSystems."${mountPoint}".options = [ "fmask=0077" "dmask=0077" ];''
            ) (filter (mountPoint: !(isClosed (optionsOf config mountPoint))) (bootMounts config));
          })
        ];
      remediation = "Mount /boot with fmask=0077 and dmask=0077, or give it to root alone.";
    }
    {
      id = "FH-03";
      name = "New files are their owner's";
      severity = "strict";
      tags = [ "files" ];
      articles.anssi-bp028 = [ "R36" ];
      evaluate =
        { config, ... }:
        [
          (want "security.loginDefs.settings.UMASK" (toString (at "security.loginDefs.settings.UMASK" config)) {
            "$in" = [
              "077"
              "0077"
            ];
          } // { fix = ''security.loginDefs.settings.UMASK = "077";''; })
        ];
      implementations = [ (_: { security.loginDefs.settings.UMASK = "077"; }) ];
      check =
        _:
        measure {
          name = "filesystem-hygiene";
          args = [ "--look" "umask" "--umask" "077" ];
        };
      remediation = "Set security.loginDefs.settings.UMASK to 077.";
    }
    {
      id = "FH-04";
      name = "Sensitive files are closed";
      severity = "standard";
      tags = [ "files" ];
      articles.anssi-bp028 = [ "R50" ];
      check =
        _:
        measure {
          name = "filesystem-hygiene";
          args =
            [ "--look" "modes" ]
            ++ many "--mode" [
              "/etc/shadow=640"
              "/etc/sudoers=440"
              "/etc/ssh/ssh_host_ed25519_key=600"
              "/etc/passwd=644"
              "/etc/group=644"
            ];
        };
      remediation = "Correct owner and mode where the file is declared.";
    }
    {
      id = "FH-05";
      name = "Sockets and pipes are closed";
      severity = "standard";
      tags = [ "files" ];
      articles.anssi-bp028 = [ "R52" ];
      check =
        _:
        measure {
          name = "filesystem-hygiene";
          args = [ "--look" "sockets" ];
        };
      remediation = "Set SocketMode and the folder's mode of the service.";
    }
    {
      id = "FH-06";
      name = "Every file has an owner, open folders have the sticky bit";
      severity = "minimal";
      tags = [ "files" ];
      articles.anssi-bp028 = [
        "R53"
        "R54"
      ];
      check =
        _:
        measure {
          name = "filesystem-hygiene";
          args = [ "--look" "owners" ];
        };
      remediation = "Give or remove files without owner; set the sticky bit on folders that everybody may write.";
    }
    {
      id = "FH-07";
      name = "Users have temporary folders of their own";
      severity = "standard";
      tags = [
        "files"
        "pam"
      ];
      articles.anssi-bp028 = [ "R55" ];
      check =
        _:
        measure {
          name = "private-folders";
          privilege = "user";
        };
      remediation = "Set up pam_namespace with /etc/security/namespace.conf for /tmp and /var/tmp.";
    }
    {
      id = "FH-08";
      name = "Programs that change the user are those declared";
      severity = "minimal";
      tags = [ "setuid" ];
      articles.anssi-bp028 = [
        "R56"
        "R57"
      ];
      evaluate =
        { config, options }:
        [
          (want "security.wrappers" (setuidWrappers config) { "$subset" = options.setuidAllowed; } // {
            fix = checks.linesFor (
              name:
              "security.wrappers.${checks.attrName name}.enable = false; # or add it to compliance.controls.filesystemHygiene.setuidAllowed"
            ) (filter (name: !(elem name options.setuidAllowed)) (setuidWrappers config));
          })
        ];
      check =
        _:
        measure {
          name = "filesystem-hygiene";
          args = [ "--look" "setuid" "--setuid" "/run/wrappers/" ];
        };
      remediation = "Switch wrappers off that nobody needs, and find setuid files outside /run/wrappers.";
    }
  ];
}
