# A stand-in for a NixOS system that a real systemd boots: the layout of a NixOS toplevel, an activation that writes only
# where NixOS's does, and a switch-to-configuration that stops, starts and restarts real units. For test machines whose
# /bin, /usr and systemd come from elsewhere.
#
#   init                        activates, then becomes systemd; what a boot loader starts
#   activate                    /etc/static, the links of /etc, /run/current-system
#   bin/switch-to-configuration switch | boot | test | dry-activate | check
#   install-boot-loader         kernels and grub.cfg in /boot, one entry for each generation
args@{
  name,
  version,
  kernelVersion ? "6.6.1",
  # Another one than the running system's: switch-to-configuration says 100, a reboot is needed.
  initInterface ? "systemd 252",
  # Unit name → as `systemd.services` of NixOS has it, see unit-text.nix.
  units ? { },
  # Path below /etc → text.
  etc ? { },
  # Path below /etc → text of a program.
  etcPrograms ? { },
  # Store paths whose bin/ is found in sw/bin.
  packages ? [ ],
  # Shell, run before anything changes; failing, it refuses the switch.
  preSwitchChecks ? "",
  # Shell, the last snippet of the activation; failing, the activation fails and goes on, as NixOS's does.
  activation ? "",
  # Shell, run by switch-to-configuration before it changes anything that runs; it may end it.
  switching ? "",
  # Shell, run in place of systemd's start when it boots.
  boot ? "",
  # Check name → health check, as in the resolved fleet.
  healthChecks ? { },
  # Name → what differs in that specialisation, as arguments of this file.
  specialisations ? { },
  # Without switch-to-configuration it is a system that can only be booted.
  switchable ? true,
  system ? builtins.currentSystem,
}:
let
  inherit (builtins)
    attrNames
    concatMap
    concatStringsSep
    foldl'
    genList
    length
    elemAt
    readFile
    toJSON
    ;

  build =
    name: steps: environment:
    import ./build.nix {
      inherit
        name
        steps
        environment
        system
        ;
    };

  inherit
    (import ./kernel.nix {
      version = kernelVersion;
      inherit system;
    })
    linux
    initrd
    ;

  texts =
    etc
    // etcPrograms
    // {
      "hostname" = "${name}\n";
      "nixfleet/health-checks.json" = toJSON {
        schemaVersion = 1;
        checks = healthChecks;
      };
    }
    // foldl' (all: unit: all // { "systemd/system/${unit}" = import ./unit-text.nix units.${unit}; }) { } (attrNames units);

  # As NixOS has them: systems of their own, which the closure brings.
  variants = map (variant: {
    name = variant;
    toplevel = import ./machine.nix (args // specialisations.${variant} // { specialisations = { }; });
  }) (attrNames specialisations);

  wants = concatMap (
    unit: map (target: { inherit unit target; }) (units.${unit}.wantedBy or [ ])
  ) (attrNames units);

  paths = attrNames texts;
  indexes = genList (i: i) (length paths);
  variable = i: "text${toString i}";

  etcTree =
    build "etc"
      ''
        ${concatStringsSep "\n" (
          map (i: ''
            mkdir -p "$(dirname "$out/etc/${elemAt paths i}")"
            printf '%s' "''$${variable i}" > "$out/etc/${elemAt paths i}"
          '') indexes
        )}
        ${concatStringsSep "\n" (map (path: ''chmod +x "$out/etc/${path}"'') (attrNames etcPrograms))}
        mkdir -p "$out/etc/systemd/system"
        ${concatStringsSep "\n" (
          map (
            { unit, target }:
            ''
              mkdir -p "$out/etc/systemd/system/${target}.wants"
              ln -s "../${unit}" "$out/etc/systemd/system/${target}.wants/${unit}"
            ''
          ) wants
        )}
      ''
      (
        foldl' (all: i: all // { ${variable i} = texts.${elemAt paths i}; }) { } indexes
      );
in
build "nixos-system-${name}-${version}"
  ''
    mkdir -p "$out/bin" "$out/sw/bin" "$out/specialisation"
    ln -s ${etcTree}/etc "$out/etc"
    ln -s ${linux}/bzImage "$out/kernel"
    ln -s ${linux} "$out/kernel-modules"
    ln -s ${initrd}/initrd "$out/initrd"
    ${concatStringsSep "\n" (
      map (variant: ''ln -s ${variant.toplevel} "$out/specialisation/${variant.name}"'') variants
    )}
    for package in $packages; do ln -s "$package"/bin/* "$out/sw/bin/"; done
    printf '%s' "$nixosVersion" > "$out/nixos-version"
    printf '%s' "$system" > "$out/system"
    printf '%s' "$initInterface" > "$out/init-interface-version"
    printf 'loglevel=4' > "$out/kernel-params"

    script() { # $1: path, $2: text
      { printf '#!/bin/sh\ntoplevel=%s\n' "$out"; printf '%s' "$2"; } > "$out/$1"
      chmod +x "$out/$1"
    }
    script pre-switch-checks "$preSwitchChecks"
    script activate "$activate"
    script init "$init"
    script install-boot-loader "$installBootLoader"
    if [ -n "$switchable" ]; then script bin/switch-to-configuration "$switchToConfiguration"; fi
  ''
  {
    nixosVersion = "${version}.${name}";
    inherit initInterface preSwitchChecks packages;
    switchable = if switchable then "1" else "";
    activate =
      builtins.replaceStrings [ "# @activation@" ] [ activation ] (readFile ./machine/activate.sh);
    init = builtins.replaceStrings [ "# @boot@" ] [ boot ] (readFile ./machine/init.sh);
    installBootLoader = readFile ./machine/install-boot-loader.sh;
    switchToConfiguration =
      builtins.replaceStrings [ "# @switching@" ] [ switching ]
        (readFile ./machine/switch-to-configuration.sh);
  }
