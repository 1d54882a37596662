# What compliance adds to the system of a host: its catalogue by the controls themselves, what the enforced rules set, and the
# collector with its unit as the module ships it.
{
  package,
  fleet,
  host,
  # The Debian of the machines has its programs there.
  searchPath,
  # Keys of sysctl in place of what the rules set.
  sysctl ? { },
  # `shipped`; `hangs`: its program never ends; `missing`: the agent is told of a unit that is not there; `untold`: of none.
  collector ? "shipped",
  collectIntervalSeconds ? 3600,
  # Where a drill fails on this host, or null.
  drill ? null,
  # What a fleet declares for the host.
  publicKeys ? [ ],
}:
let
  inherit (builtins)
    attrNames
    concatMap
    concatStringsSep
    filter
    foldl'
    listToAttrs
    map
    match
    ;
  compliance = import ../../../nix/compliance;
  lib = import ../../../nix/lib;
  catalogue = import ../../../nix/compliance/catalogue.nix { inherit lib compliance; };

  isHere = collector == "shipped" || collector == "hangs";
  outputDir = "/var/lib/nixfleet-compliance";
  settings = {
    enable = true;
    inherit outputDir collectIntervalSeconds publicKeys;
    interval = "daily";
    key = "/etc/ssh/ssh_host_ed25519_key";
    retentionDays = 90;
  };
  off = {
    enable = false;
  };
  config = {
    networking.hostName = host;
    services.nixfleet-agent = {
      enable = true;
      key = "/etc/ssh/ssh_host_ed25519_key";
    };
    compliance = {
      governance = {
        enforceMode = "enforce";
        level = "standard";
        hostType = "server";
        architecture = "x86_64";
        excludes = [ ];
      };
      frameworks = {
        nis2 = {
          enable = true;
          mode = null;
          entityType = "essential";
        };
        dora = off;
        iso27001 = off;
        anssi = off;
      };
      # Of what has a meaning on this machine, what its closure and its agent set.
      controls = {
        baselineHardening.enable = true;
        changeManagement.enable = true;
        evidenceIntegrity.enable = true;
        syntheticAlwaysFail =
          if drill == null then
            off
          else
            {
              enable = true;
              failAt = drill;
              until = 4102444800;
              hosts = [ host ];
            };
      };
      evidence.collector = settings;
      release = { };
    };
  };

  # What enforcing sets on NixOS, which applies it to interfaces as they come; host0 is there before.
  hardening = compliance.byId.baseline-hardening;
  fragments = concatMap (
    rule: map (fragment: fragment { inherit config; options = hardening.optionsOf config; }) rule.implementations
  ) (filter (rule: match "BH-(06|07|10)" rule.id != null) hardening.rules);
  implemented = foldl' (all: fragment: all // fragment.boot.kernel.sysctl) { } fragments;
  ofInterface = key: match "(net\\.ipv[46]\\.conf\\.)default(\\..*)" key;
  onHost0 = listToAttrs (
    map (key: {
      name = concatStringsSep "host0" (ofInterface key);
      value = implemented.${key};
    }) (filter (key: ofInterface key != null) (attrNames implemented))
  );
  applied = implemented // onHost0 // sysctl;

  unit = import ./collector.nix {
    inherit package fleet;
    collector = settings;
  };
  service = unit.service // {
    # The store of this Debian's programs is /usr.
    environment.PATH = searchPath;
    serviceConfig =
      unit.service.serviceConfig
      // {
        # systemd-nspawn gives each boot its identity by a file over /proc, which these hide.
        ProtectKernelTunables = false;
        ProtectControlGroups = false;
      }
      // (if collector == "hangs" then { ExecStart = "/bin/sleep infinity"; } else { });
  };
in
{
  etc = {
    "nixfleet/compliance.json" = catalogue.text (
      catalogue.document {
        inherit config host;
        system = "x86_64-linux";
        probes = package;
      }
    );
    "sysctl-of-closure.conf" = concatStringsSep "" (
      map (key: "${key} = ${toString applied.${key}}\n") (attrNames applied)
    );
    "tmpfiles-of-closure.conf" = concatStringsSep "" (map (rule: "${rule}\n") unit.tmpfiles);
  };
  activation = ''
    sysctl --quiet --ignore --load="$toplevel/etc/sysctl-of-closure.conf"
    systemd-tmpfiles --create "$toplevel/etc/tmpfiles-of-closure.conf"
  '';
  units =
    if isHere then
      {
        "compliance-evidence-collector.service" = service;
        "compliance-evidence-collector.timer" = unit.timer;
      }
    else
      { };
  agentSettings =
    if collector == "untold" then
      { }
    else
      {
        collector = {
          command = [
            "/usr/bin/systemctl"
            "start"
            "compliance-evidence-collector.service"
          ];
          directory = outputDir;
        };
      };
  inherit (unit) agentWritePaths;
}
