# Logs of several hosts can be put in order.
{
  given,
  measureWith,
  types,
  checks,
  ...
}:
let
  inherit (checks)
    isOn
    listAt
    want
    wantOf
    ;
  inherit (builtins) filter;
  daemons = [
    "services.timesyncd.enable"
    "services.chrony.enable"
    "services.ntpd-rs.enable"
    "services.openntpd.enable"
  ];
  running = config: filter (option: isOn option config) daemons;
  # What the running daemon was told; ntpd-rs and chrony may be told otherwise.
  serversOption =
    config:
    if isOn "services.timesyncd.enable" config then
      "services.timesyncd.servers"
    else if isOn "services.chrony.enable" config then
      "services.chrony.servers"
    else
      "networking.timeServers";
  servers = config: listAt (serversOption config) config;

  measure = measureWith "time/v1";
in
{
  controlId = "time-sync";
  optionName = "timeSync";
  title = "Time synchronisation";
  purpose = "The clock is right, and by whom is known.";
  type = "both";
  schema = "time/v1";

  options = {
    allowedServers = {
      type = types.listOf {
        of = types.text {
          says = "a time server";
          pattern = "[A-Za-z0-9.:-]+";
          bytesMax = 253;
        };
        max = 32;
        isSet = true;
      };
      default = [
        "0.nixos.pool.ntp.org"
        "1.nixos.pool.ntp.org"
        "2.nixos.pool.ntp.org"
        "3.nixos.pool.ntp.org"
      ];
      direction = "intersect";
      description = "Who may be asked for the time.";
    };
    maxOffsetMs = {
      type = types.int {
        min = 1;
        max = 60000;
      };
      default = 1000;
      direction = "min";
      description = "Milliseconds that the clock may be off.";
    };
    maxSyncAgeMinutes = {
      type = types.int {
        min = 1;
        max = 10080;
      };
      default = 180;
      direction = "min";
      description = "Minutes since the last synchronisation.";
    };
  };

  rules = [
    {
      id = "TS-01";
      name = "One daemon keeps the time, from known servers";
      severity = "strict";
      tags = [ "time" ];
      articles.anssi-bp028 = [ "R71" ];
      evaluate =
        { config, options }:
        [
          (want "services.timesyncd.enable" (builtins.length (running config)) 1 // {
            fix =
              if running config == [ ] then
                "services.timesyncd.enable = true; # or services.chrony, services.ntpd-rs or services.openntpd"
              else
                "leave one of services.timesyncd, services.chrony, services.ntpd-rs and services.openntpd";
          })
          (wantOf {
            option = "networking.timeServers";
            what = "any";
            observed = servers config != [ ];
            expect = true;
            fix =
              let
                server = if options.allowedServers == [ ] then "ntp.example.org" else builtins.head options.allowedServers;
              in
              "${serversOption config} = [ \"${server}\" ];";
          })
          (want "networking.timeServers" (servers config) { "$subset" = options.allowedServers; } // {
            fix = "take other servers out, or add them to compliance.controls.timeSync.allowedServers";
          })
        ];
      remediation = "Enable one time daemon, with servers of compliance.controls.timeSync.allowedServers.";
    }
    {
      id = "TS-02";
      name = "The clock is right";
      severity = "standard";
      tags = [ "time" ];
      check =
        { options, ... }:
        measure {
          name = "time-sync";
          args = given "--max-offset-ms" options.maxOffsetMs ++ given "--max-age-seconds" (options.maxSyncAgeMinutes * 60);
          privilege = "user";
          applicability = "probed";
        };
      remediation = "See what keeps the host from its time servers.";
    }
  ];
}
