# After the worst, the host comes back in time: older generations are there, and somebody has tried.
{
  given,
  measureWith,
  types,
  checks,
  ...
}:
let
  inherit (checks)
    at
    isOn
    textAt
    want
    words
    ;
  inherit (builtins)
    concatMap
    filter
    isInt
    match
    ;

  drills = import ../drills.nix { inherit checks; };

  loaders = [
    "boot.loader.systemd-boot"
    "boot.loader.grub"
    "boot.loader.limine"
    "boot.loader.generic-extlinux-compatible"
    "boot.lanzaboote"
  ];

  measure = measureWith "recovery/v1";
in
{
  controlId = "disaster-recovery";
  optionName = "disasterRecovery";
  title = "Disaster recovery";
  purpose = "Earlier systems can be gone back to, and coming back is rehearsed.";
  type = "both";
  schema = "recovery/v1";

  options = {
    minGenerations = {
      type = types.int {
        min = 1;
        max = 100;
      };
      default = 5;
      direction = "max";
      description = "Generations that can be booted, at least.";
    };
    rtoTarget = {
      type = types.text {
        says = "a span in minutes, hours or days, such as 4h";
        pattern = "[1-9][0-9]{0,4}[mhd]";
        bytesMax = 6;
        fix = "write it as 4h";
      };
      default = "24h";
      direction = "min";
      description = "In which the service is back.";
    };
    testInterval = {
      type = types.oneOf [
        "monthly"
        "quarterly"
        "yearly"
      ];
      default = "quarterly";
      direction = "min";
      scale = [
        "monthly"
        "quarterly"
        "yearly"
      ];
      description = "How often recovery is rehearsed.";
    };
  };

  rules = [
    {
      id = "DR-01";
      name = "The boot menu offers enough generations";
      severity = "standard";
      tags = [ "boot" ];
      evaluate =
        { config, options }:
        # No limit is no shortage.
        concatMap (
          loader:
          let
            limit = at "${loader}.configurationLimit" config;
          in
          if isOn "${loader}.enable" config then
            [
              (want "${loader}.configurationLimit" (if isInt limit then limit else options.minGenerations) {
                "$ge" = options.minGenerations;
              })
            ]
          else
            [ ]
        ) loaders
        ++ [
          (want "nix.gc.options" (
            if isOn "nix.gc.automatic" config then
              filter (word: match "-d|--delete-old" word != null) (words (textAt "nix.gc.options" config))
            else
              [ ]
          ) [ ] // { fix = "write --delete-older-than 30d in nix.gc.options: --delete-old leaves one generation"; })
        ];
      remediation = "Raise configurationLimit of the boot loader, and do not collect all old generations.";
    }
    {
      id = "DR-02";
      name = "Enough generations are there, and whole";
      severity = "standard";
      tags = [ "boot" ];
      check =
        { options, ... }:
        measure {
          name = "generations";
          args = given "--min" options.minGenerations;
          privilege = "user";
        };
      remediation = "Keep more generations; nix-store --verify --check-contents --repair restores damaged paths.";
    }
    {
      id = "DR-03";
      name = "Recovery was rehearsed, in time";
      severity = "standard";
      tags = [ "drill" ];
      evaluate =
        { config, options }:
        [
          (drills.wantRecent config {
            interval = options.testInterval;
            target = options.rtoTarget;
          })
        ];
      remediation = "Run a drill on a host of this channel that goes back within the target: nixfleet compliance drill start, see docs/compliance/drills.md.";
    }
  ];
}
