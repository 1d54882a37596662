# The kernel's own settings. What the host's kernel does not know passes at run time, Yama excepted; here all of it is declared.
{ many, measureWith, sysctlWant, types, checks, ... }:
let
  inherit (checks)
    attrsAt
    at
    isOn
    kernelParameter
    listAt
    sysctl
    sysctlOf
    want
    wantOf
    words
    ;
  inherit (builtins)
    attrNames
    compareVersions
    concatMap
    elem
    filter
    isString
    listToAttrs
    map
    replaceStrings
    ;

  isOlderThan =
    config: version:
    let
      kernel = at "boot.kernelPackages.kernel.version" config;
    in
    isString kernel && compareVersions kernel version < 0;
  isArm = config: at "compliance.governance.architecture" config == "aarch64";
  isIntel =
    config: isOn "hardware.cpu.intel.updateMicrocode" config || elem "kvm-intel" (listAt "boot.kernelModules" config);

  memoryParameters =
    config:
    [
      [
        "page_poison=on"
        "page_poison=1"
      ]
      [
        "slab_nomerge"
        "slab_nomerge=yes"
      ]
      [
        "slub_debug=FZP"
        "slab_debug=FZP"
      ]
      [ "page_alloc.shuffle=1" ]
    ]
    ++ (
      if isArm config then
        [ ]
      else
        [
          [ "l1tf=full,force" ]
          [ "pti=on" ]
          [ "spec_store_bypass_disable=seccomp" ]
          [ "spectre_v2=on" ]
          [ "mds=full,nosmt" ]
        ]
    )
    # Since 6.17 slub_debug alone leaves the addresses readable.
    ++ (if isOlderThan config "6.17" then [ ] else [ [ "hash_pointers=always" ] ])
    ++ (if isOlderThan config "5.18" && !(isArm config) then [ [ "mce=0" ] ] else [ ])
    ++ (if isOlderThan config "6.2" then [ [ "rng_core.default_quality=500" ] ] else [ ]);

  inherit (import ../kernel-settings.nix)
    kernelSettings
    ipv4Settings
    ipv4InterfaceSettings
    ipv6InterfaceSettings
    fileSystemSettings
    ;
  onEveryInterface =
    family: settings:
    listToAttrs (
      concatMap (
        scope:
        map (name: {
          name = "net.${family}.conf.${scope}.${name}";
          value = settings.${name};
        }) (attrNames settings)
      ) [
        "all"
        "default"
      ]
    );
  declared = config: settings: map (key: sysctl config key settings.${key}) (attrNames settings);

  # What an implementation sets: the number, or the lowest that is accepted.
  valueOf = expect: expect."$ge" or expect;
  set = settings: { boot.kernel.sysctl = builtins.mapAttrs (_: valueOf) settings; };

  portRange = "net.ipv4.ip_local_port_range";
  isDisabled = options: options.ipv6 == "disable";
  ipv6Disabled = onEveryInterface "ipv6" { disable_ipv6 = 1; };

  hidden = [
    "hidepid=2"
    "hidepid=invisible"
  ];
  procOptions =
    config:
    ((attrsAt "boot.specialFileSystems" config)."/proc".options or [ ])
    ++ ((attrsAt "fileSystems" config)."/proc".options or [ ]);

  removable = [
    "usb-storage"
    "uas"
    "firewire-ohci"
    "firewire-core"
    "thunderbolt"
  ];
  # Linux reads - and _ as the same.
  moduleName = replaceStrings [ "_" ] [ "-" ];

  probes = import ../kernel-probes.nix { inherit many measureWith sysctlWant; } {
    inherit isIntel memoryParameters isDisabled ipv6Disabled onEveryInterface portRange removable;
  };
in
{
  controlId = "baseline-hardening";
  optionName = "baselineHardening";
  title = "Baseline hardening";
  purpose = "The kernel gives attackers less to read, to load and to send.";
  type = "both";
  schema = "anssi-bp028/v1";

  options = {
    isRouter = {
      type = types.bool;
      default = false;
      direction = "all";
      description = "The host forwards packets between networks.";
    };
    ipv6 = {
      type = types.oneOf [
        "harden"
        "disable"
      ];
      default = "harden";
      direction = "max";
      scale = [
        "harden"
        "disable"
      ];
      description = "Whether IPv6 is switched off, or on with nothing believed that routers announce.";
    };
  };

  rules = [
    {
      id = "BH-01";
      name = "The IOMMU is on";
      severity = "strict";
      tags = [ "kernel-parameters" ];
      architectures = [ "x86_64" ];
      articles.anssi-bp028 = [ "R7" ];
      evaluate =
        { config, ... }:
        [ (kernelParameter config [ "iommu=force" ]) ]
        ++ (if isIntel config then [ (kernelParameter config [ "intel_iommu=on" ]) ] else [ ]);
      implementations = [
        ({ config, ... }: {
          boot.kernelParams = [ "iommu=force" ] ++ (if isIntel config then [ "intel_iommu=on" ] else [ ]);
        })
      ];
      check = probes.BH-01;
      remediation = "Add iommu=force, and on Intel intel_iommu=on, to boot.kernelParams, and switch the IOMMU on in the firmware.";
    }
    {
      id = "BH-02";
      name = "Memory is protected by kernel parameters";
      severity = "standard";
      tags = [ "kernel-parameters" ];
      articles.anssi-bp028 = [ "R8" ];
      evaluate = { config, ... }: map (kernelParameter config) (memoryParameters config);
      implementations = [ ({ config, ... }: { boot.kernelParams = map builtins.head (memoryParameters config); }) ];
      check = probes.BH-02;
      remediation = "Add the missing parameters to boot.kernelParams; mds=full,nosmt switches hyper-threading off.";
    }
    {
      id = "BH-03";
      name = "The kernel tells and allows less";
      severity = "standard";
      tags = [ "sysctl" ];
      articles.anssi-bp028 = [ "R9" ];
      evaluate = { config, ... }: declared config kernelSettings;
      implementations = [ (_: set kernelSettings) ];
      check = probes.BH-03;
      remediation = "Set the named keys of boot.kernel.sysctl.";
    }
    {
      id = "BH-04";
      name = "No kernel modules are loaded after boot";
      severity = "strict";
      tags = [ "disable-kernel-module-loading" ];
      articles.anssi-bp028 = [ "R10" ];
      evaluate =
        { config, ... }:
        [
          (wantOf {
            option = "security.lockKernelModules";
            what = null;
            observed = isOn "security.lockKernelModules" config || sysctlOf config "kernel.modules_disabled" == 1;
            expect = true;
            fix = "security.lockKernelModules = true; # and name what is needed in boot.kernelModules";
          })
        ];
      implementations = [ (_: { security.lockKernelModules = true; }) ];
      check = probes.BH-04;
      remediation = "Set security.lockKernelModules, and name the modules that are needed later in boot.kernelModules.";
    }
    {
      id = "BH-05";
      name = "Processes do not trace each other";
      severity = "standard";
      tags = [ "sysctl" ];
      articles.anssi-bp028 = [ "R11" ];
      evaluate = { config, ... }: [ (sysctl config "kernel.yama.ptrace_scope" { "$ge" = 1; }) ];
      implementations = [ (_: set { "kernel.yama.ptrace_scope" = 1; }) ];
      check = probes.BH-05;
      remediation = ''Set boot.kernel.sysctl."kernel.yama.ptrace_scope" to 1 or more, on a kernel with Yama.'';
    }
    {
      id = "BH-06";
      name = "IPv4 believes nobody";
      severity = "standard";
      tags = [
        "sysctl"
        "network"
      ];
      articles.anssi-bp028 = [ "R12" ];
      evaluate =
        { config, options }:
        declared config (
          ipv4Settings
          // onEveryInterface "ipv4" ipv4InterfaceSettings
          // (if options.isRouter then { } else { "net.ipv4.ip_forward" = 0; })
        )
        ++ [
          (want "boot.kernel.sysctl.\"${portRange}\"" (
            let
              range = sysctlOf config portRange;
            in
            if isString range then words range else range
          ) [ "32768" "65535" ] // { fix = ''boot.kernel.sysctl."${portRange}" = "32768 65535";''; })
        ];
      implementations = [
        (
          { options, ... }:
          set (
            ipv4Settings
            // onEveryInterface "ipv4" ipv4InterfaceSettings
            // {
              ${portRange} = "32768 65535";
              ${if options.isRouter then null else "net.ipv4.ip_forward"} = 0;
            }
          )
        )
      ];
      check = probes.BH-06;
      remediation = "Set the named keys of boot.kernel.sysctl; a router says so in compliance.controls.baselineHardening.isRouter.";
    }
    {
      id = "BH-07";
      name = "IPv6 is off, or believes no router";
      severity = "standard";
      tags = [
        "sysctl"
        "network"
        "no-ipv6"
      ];
      articles.anssi-bp028 = [ "R13" ];
      evaluate =
        { config, options }:
        declared config (if isDisabled options then ipv6Disabled else onEveryInterface "ipv6" ipv6InterfaceSettings);
      implementations = [
        (
          { options, ... }:
          set (if isDisabled options then ipv6Disabled else onEveryInterface "ipv6" ipv6InterfaceSettings)
        )
      ];
      check = probes.BH-07;
      remediation = "Set the named keys of boot.kernel.sysctl, or choose the other variant by compliance.controls.baselineHardening.ipv6.";
    }
    {
      id = "BH-08";
      name = "Links, pipes and dumps cannot be abused, processes of others not seen";
      severity = "standard";
      tags = [ "sysctl" ];
      articles.anssi-bp028 = [
        "R14"
        "R28"
      ];
      evaluate =
        { config, ... }:
        declared config fileSystemSettings
        ++ [
          (wantOf {
            option = ''boot.specialFileSystems."/proc".options'';
            what = "hidepid=2";
            observed = filter (option: elem option hidden) (procOptions config) != [ ];
            expect = true;
            fix = ''boot.specialFileSystems."/proc".options = [ "hidepid=2" "gid=proc" ];'';
          })
        ];
      implementations = [
        # hidepid is left to people: login services need a group that may see all, and only they know which.
        (_: set fileSystemSettings)
      ];
      check = probes.BH-08;
      remediation = "Set the named keys of boot.kernel.sysctl, and mount /proc with hidepid=2 and the gid of a group that systemd-logind is in.";
    }
    {
      id = "BH-09";
      name = "Removable storage and DMA ports have no drivers";
      severity = "strict";
      tags = [
        "usb"
        "modules"
      ];
      hostTypes = [
        "server"
        "appliance"
      ];
      evaluate =
        { config, ... }:
        let
          blacklisted = map moduleName (listAt "boot.blacklistedKernelModules" config);
          loaded = map moduleName (listAt "boot.kernelModules" config);
        in
        map (
          name:
          wantOf {
            option = "boot.blacklistedKernelModules";
            what = name;
            observed = elem name blacklisted;
            expect = true;
            fix = ''boot.blacklistedKernelModules = [ "${name}" ];'';
          }
        ) removable
        ++ [
          (wantOf {
            option = "boot.kernelModules";
            what = null;
            observed = filter (name: elem name removable) loaded;
            expect = [ ];
            fix = "take it out of boot.kernelModules";
          })
        ];
      implementations = [ (_: { boot.blacklistedKernelModules = removable; }) ];
      check = probes.BH-09;
      remediation = "Add the modules to boot.blacklistedKernelModules, and reboot where one is loaded.";
    }
    {
      id = "BH-10";
      name = "IPv6 redirects are ignored";
      severity = "standard";
      tags = [
        "sysctl"
        "network"
      ];
      articles.anssi-bp028 = [ "R13" ];
      evaluate = { config, ... }: declared config (onEveryInterface "ipv6" { accept_redirects = 0; });
      implementations = [ (_: set (onEveryInterface "ipv6" { accept_redirects = 0; })) ];
      check = probes.BH-10;
      remediation = "Set net.ipv6.conf.all.accept_redirects and net.ipv6.conf.default.accept_redirects to 0 in boot.kernel.sysctl.";
    }
  ];
}
