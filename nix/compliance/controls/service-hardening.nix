# Services are few, and may do little.
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
    attrsAt
    isOn
    want
    wantOf
    ;
  inherit (builtins)
    attrNames
    concatMap
    elem
    filter
    map
    ;

  # What few servers need, and many have.
  optional = [
    "services.avahi.enable"
    "services.blueman.enable"
    "services.nfs.server.enable"
    "services.printing.enable"
    "services.rpcbind.enable"
    "services.samba.enable"
    "services.xserver.enable"
    "services.xinetd.enable"
    "hardware.bluetooth.enable"
  ];

  services = config: attrsAt "systemd.services" config;
  settingsOf = config: name: (services config).${name}.serviceConfig or { };
  wanted = {
    NoNewPrivileges = value: value == true || value == "true" || value == "yes";
    PrivateTmp = value: value == true || value == "true" || value == "yes" || value == "disconnected";
    ProtectSystem = value: value == "strict" || value == "full";
    ProtectHome = value: value == true || value == "true" || value == "yes" || value == "read-only" || value == "tmpfs";
  };
  lackingIn =
    config: name:
    let
      settings = settingsOf config name;
      isOther =
        (settings.DynamicUser or false) == true
        || !(elem (settings.User or null) [
          null
          "root"
          "0"
          ""
        ]);
    in
    map (key: { inherit name key; }) (
      (if isOther then [ ] else [ "User" ]) ++ filter (key: !(wanted.${key} (settings.${key} or null))) (attrNames wanted)
    );
  lacking = config: name: map (entry: "${name}: ${entry.key}") (lackingIn config name);
  serviceConfig = name: "systemd.services.${checks.attrName name}.serviceConfig";
  userFix = name: "give the service a user: ${serviceConfig name}.User, or DynamicUser";
  sound = {
    NoNewPrivileges = "true";
    PrivateTmp = "true";
    ProtectSystem = "\"full\"";
    ProtectHome = "true";
  };

  measure = measureWith "anssi-bp028/v1";
in
{
  controlId = "service-hardening";
  optionName = "serviceHardening";
  title = "Service hardening";
  purpose = "A service that is taken over gives its taker little.";
  type = "both";
  schema = "anssi-bp028/v1";

  options = {
    maxExposure = {
      type = types.int {
        min = 0;
        max = 100;
      };
      default = 50;
      direction = "min";
      description = "Highest score of systemd-analyze security, times ten.";
    };
    exposedUnits = {
      type = types.listOf {
        of = types.text {
          says = "the name of a service, without .service";
          pattern = "[A-Za-z0-9@_.-]+";
          bytesMax = 128;
        };
        max = 128;
        isSet = true;
      };
      default = [ ];
      direction = "declared";
      description = "Services that others reach.";
    };
    neededServices = {
      type = types.listOf {
        of = types.oneOf optional;
        max = 16;
        isSet = true;
      };
      default = [ ];
      direction = "intersect";
      description = "Services of the list of rarely needed ones that this host needs.";
    };
  };

  rules = [
    {
      id = "SH-01";
      name = "Only needed services are enabled";
      severity = "minimal";
      tags = [ "services" ];
      articles.anssi-bp028 = [ "R62" ];
      evaluate =
        { config, options }:
        [
          (wantOf {
            option = "compliance.controls.serviceHardening.neededServices";
            what = "enabled, and not needed";
            observed = filter (option: isOn option config) optional;
            expect."$subset" = options.neededServices;
            fix = checks.linesFor (
              option: "${option} = false; # or name it in compliance.controls.serviceHardening.neededServices"
            ) (filter (option: isOn option config && !(elem option options.neededServices)) optional);
          })
        ];
      remediation = "Disable the named services, or declare them as needed.";
    }
    {
      id = "SH-02";
      name = "Exposed services score well";
      severity = "standard";
      tags = [ "services" ];
      articles.anssi-bp028 = [
        "R63"
        "R79"
      ];
      check =
        { options, ... }:
        if options.exposedUnits == [ ] then
          null
        else
          measure {
            name = "service-security";
            args = given "--max-tenths" options.maxExposure ++ many "--unit" (map (name: "${name}.service") options.exposedUnits);
            privilege = "user";
          };
      remediation = "Look at systemd-analyze security <unit>, and add what it misses to serviceConfig.";
    }
    {
      id = "SH-03";
      name = "Exposed services run as users of their own, and see little of the host";
      severity = "strict";
      tags = [ "services" ];
      articles.anssi-bp028 = [
        "R64"
        "R65"
      ];
      evaluate =
        { config, options }:
        [
          (want "compliance.controls.serviceHardening.exposedUnits" (
            filter (name: !((services config) ? ${name})) options.exposedUnits
          ) [ ] // { fix = "correct the name in compliance.controls.serviceHardening.exposedUnits, or take it out"; })
          (want "systemd.services" (concatMap (lacking config) (filter (name: (services config) ? ${name}) options.exposedUnits)) [ ] // {
            fix = checks.linesFor (
              entry: if entry.key == "User" then userFix entry.name else "${serviceConfig entry.name}.${entry.key} = ${sound.${entry.key}};"
            ) (concatMap (lackingIn config) (filter (name: (services config) ? ${name}) options.exposedUnits));
          })
        ];
      remediation = "Set User or DynamicUser, NoNewPrivileges, PrivateTmp, ProtectSystem and ProtectHome of the named services.";
    }
    {
      id = "SH-04";
      name = "What keeps services apart is itself hardened";
      severity = "paranoid";
      tags = [ "services" ];
      articles.anssi-bp028 = [ "R66" ];
      # Container managers and hypervisors have guides of their own, as many as there are of them.
      isAttested = true;
      remediation = "Harden the container manager or hypervisor as its own guide says.";
    }
  ];
}
