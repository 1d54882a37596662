# What the probes of baseline-hardening are asked, by rule; what is asked for is the control's.
{
  many,
  measureWith,
  sysctlWant,
}:
{
  isIntel,
  memoryParameters,
  isDisabled,
  ipv6Disabled,
  onEveryInterface,
  portRange,
  removable,
}:
let
  inherit (builtins) attrNames attrValues listToAttrs mapAttrs;
  settings = import ./kernel-settings.nix;

  measure = measureWith "anssi-bp028/v1";
  sysctl =
    {
      values,
      isDemanded ? false,
      more ? [ ],
    }:
    measure {
      name = "sysctl";
      args = many "--expect" (attrValues (mapAttrs (sysctlWant isDemanded) values)) ++ more;
      applicability = "probed";
    };
  cmdline =
    args:
    measure {
      name = "kernel-cmdline";
      inherit args;
      privilege = "user";
      applicability = "probed";
    };
  # Also what holds for each interface that there is, which `all` alone does not say.
  atEveryInterface =
    family: asked:
    onEveryInterface family asked
    // listToAttrs (
      map (name: {
        name = "net.${family}.conf.*.${name}";
        value = asked.${name};
      }) (attrNames asked)
    );
in
{
  BH-01 =
    { config, ... }:
    cmdline ([ "--iommu" ] ++ many "--expect" ([ "iommu=force" ] ++ (if isIntel config then [ "intel_iommu=on" ] else [ ])));
  BH-02 =
    { config, ... }:
    cmdline ([ "--vulnerabilities" ] ++ many "--expect" (map (builtins.concatStringsSep "|") (memoryParameters config)));
  BH-03 = _: sysctl { values = settings.kernelSettings; };
  BH-04 = _: sysctl { values."kernel.modules_disabled" = 1; };
  BH-05 =
    _:
    sysctl {
      values."kernel.yama.ptrace_scope"."$ge" = 1;
      isDemanded = true;
    };
  BH-06 =
    { options, ... }:
    sysctl {
      values =
        settings.ipv4Settings
        // atEveryInterface "ipv4" settings.ipv4InterfaceSettings
        // (if options.isRouter then { } else { "net.ipv4.ip_forward" = 0; })
        // {
          ${portRange} = "32768 65535";
        };
    };
  BH-07 =
    { options, ... }:
    sysctl {
      values = if isDisabled options then ipv6Disabled else atEveryInterface "ipv6" settings.ipv6InterfaceSettings;
    };
  BH-08 =
    _:
    sysctl {
      values = settings.fileSystemSettings;
      more = [ "--hidepid" ];
    };
  BH-09 =
    _:
    measure {
      name = "kernel-modules";
      args = [ "--blacklisted" ] ++ many "--forbid" removable;
      privilege = "user";
      applicability = "probed";
    };
  BH-10 = _: sysctl { values = atEveryInterface "ipv6" { accept_redirects = 0; }; };
}
