# How the kernel was built; the running one says it in /proc/config.gz. What is asked for is in ../kernel-config.nix.
{ many, measureWith, ... }:
let
  rule =
    {
      number,
      name,
      recommendation,
      architectures ? [ ],
    }:
    {
      id = "KB-${number}";
      inherit name architectures;
      severity = "paranoid";
      tags = [ "kernel-build" ];
      articles.anssi-bp028 = [ recommendation ];
      check =
        _:
        measure {
          name = "kernel-config";
          args = many "--expect" (asked recommendation);
          privilege = "user";
          applicability = "probed";
        };
      remediation = "Set the named options in boot.kernelPatches' structuredExtraConfig, or use a kernel package that has them.";
    };

  measure = measureWith "anssi-bp028/v1";
  options = import ../kernel-config.nix;
  # Options of a recommendation, as the probe takes them: CONFIG_X=y, and the kernels that have them.
  asked =
    recommendation:
    let
      wants = options.${recommendation};
      of =
        name:
        let
          want = wants.${name};
          plain = "CONFIG_${name}=${if builtins.isAttrs want then want.value else want}";
        in
        if want ? until then
          "<${want.until}:${plain}"
        else if want ? since then
          ">=${want.since}:${plain}"
        else
          plain;
    in
    map of (builtins.attrNames wants);
in
{
  controlId = "kernel-build";
  optionName = "kernelBuild";
  title = "Kernel build";
  purpose = "The kernel is built with what protects it, and without what it does not need.";
  type = "runtime";
  schema = "anssi-bp028/v1";

  rules = map rule [
    {
      number = "01";
      name = "Built to protect its memory";
      recommendation = "R15";
    }
    {
      number = "02";
      name = "Built to check its data structures";
      recommendation = "R16";
    }
    {
      number = "03";
      name = "Built with a hardened allocator";
      recommendation = "R17";
    }
    {
      number = "04";
      name = "Built to load signed modules only";
      recommendation = "R18";
    }
    {
      number = "05";
      name = "Built to stop at what must not happen";
      recommendation = "R19";
    }
    {
      number = "06";
      name = "Built with its security functions";
      recommendation = "R20";
    }
    {
      number = "07";
      name = "Built with the compiler's protections";
      recommendation = "R21";
    }
    {
      number = "08";
      name = "Built with a careful network stack";
      recommendation = "R22";
    }
    {
      number = "09";
      name = "Built without what helps to get around it";
      recommendation = "R23";
    }
    {
      number = "10";
      name = "Built for 32 bits with care";
      recommendation = "R24";
      architectures = [ "i686" ];
    }
    {
      number = "11";
      name = "Built for x86_64 with care";
      recommendation = "R25";
      architectures = [ "x86_64" ];
    }
    {
      number = "12";
      name = "Built for ARM with care";
      recommendation = "R26";
      architectures = [ "armv7l" ];
    }
    {
      number = "13";
      name = "Built for 64-bit ARM with care";
      recommendation = "R27";
      architectures = [ "aarch64" ];
    }
  ];
}
