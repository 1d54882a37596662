# A stand-in for a NixOS system, for demonstrations and tests: the layout of a NixOS toplevel and an honest
# switch-to-configuration, built with /bin/sh and coreutils alone. Not for real machines.
#
# bin/switch-to-configuration takes switch | boot | test | dry-activate and acts on the root that the environment
# variable NIXFLEET_SYSTEM_ROOT names (default /):
#
#   run/current-system         → the store path of this system, once it is activated (test, switch)
#   boot/default-system        → the store path of the system to boot (boot, switch)
#   run/network-cut            exists while a system that cuts the network is active
#   run/nixfleet-service/      the running service: its identity, its log, whether it listens
#
# Both links hold the path inside the store, as NixOS's do: with a chroot store they dangle outside of it.
# The service is `$NIXFLEET_NODE <app>/bin/server.js` and listens on NIXFLEET_SERVICE_PORT of loopback.
{
  name,
  version,
  # Whether /healthz answers 200 or 500.
  healthy ? true,
  # Activating it cuts the network; activating a system that does not restores it.
  cutsNetwork ? false,
  kernelVersion ? "6.6.1",
  # The activation stops half way, with the old service stopped and the new one not started.
  hang ? false,
  # What switch-to-configuration ends with after a complete activation. NixOS uses 4 for a unit that failed.
  exitCode ? 0,
  # Whether there is a service at all.
  service ? true,
  # Check name → health check, as in the resolved fleet.
  healthChecks ? { },
  # The text of etc/nixfleet/compliance.json, or null.
  compliance ? null,
  system ? builtins.currentSystem,
}:
let
  inherit (builtins) readFile toJSON;

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

  flag = value: if value then "1" else "";

  inherit
    (import ./kernel.nix {
      version = kernelVersion;
      inherit system;
    })
    linux
    initrd
    ;

  app =
    build "app-${version}"
      ''
        mkdir -p "$out/bin"
        printf 'const version = %s;\nconst healthy = %s;\n%s' "$versionJson" "$healthyJson" "$server" > "$out/bin/server.js"
      ''
      {
        versionJson = toJSON version;
        healthyJson = toJSON healthy;
        server = readFile ./server.js;
      };
in
build "nixos-system-${name}-${version}"
  ''
    mkdir -p "$out/bin" "$out/sw/bin" "$out/etc/nixfleet" "$out/specialisation"
    ln -s ${linux}/bzImage "$out/kernel"
    ln -s ${linux} "$out/kernel-modules"
    ln -s ${initrd}/initrd "$out/initrd"
    ln -s ${app}/bin/server.js "$out/sw/bin/server.js"
    printf '%s' "$nixosVersion" > "$out/nixos-version"
    printf '%s' "$system" > "$out/system"
    printf 'systemd 255' > "$out/init-interface-version"
    printf 'loglevel=4' > "$out/kernel-params"
    printf '%s\n' "$hostName" > "$out/etc/hostname"
    printf '%s' "$healthChecksJson" > "$out/etc/nixfleet/health-checks.json"
    if [ -n "$compliance" ]; then printf '%s' "$compliance" > "$out/etc/nixfleet/compliance.json"; fi

    {
      printf 'system=%s\napp=%s\n' "$out" "$app"
      printf 'cuts_network=%s\nhang=%s\nexit_code=%s\nservice=%s\n' "$cutsNetwork" "$hang" "$exitCode" "$service"
    } > "$out/nixfleet-facts"
    { printf '#!/bin/sh\n'; printf '%s' "$switchToConfiguration"; } > "$out/bin/switch-to-configuration"
    { printf '#!/bin/sh\n'; printf '%s' "$activate"; } > "$out/activate"
    { printf '#!/bin/sh\nexec "%s/activate"\n' "$out"; } > "$out/init"
    chmod +x "$out/bin/switch-to-configuration" "$out/activate" "$out/init"
  ''
  {
    hostName = name;
    nixosVersion = "${version}.${name}";
    inherit app;
    cutsNetwork = flag cutsNetwork;
    hang = flag hang;
    exitCode = toString exitCode;
    service = flag service;
    compliance = if compliance == null then "" else compliance;
    healthChecksJson = toJSON {
      schemaVersion = 1;
      checks = healthChecks;
    };
    switchToConfiguration = readFile ./switch-to-configuration.sh;
    activate = readFile ./activate.sh;
  }
