# /etc/nixfleet/agent.json and health-checks.json, as packages/agent parses them.
{
  lib,
  config,
  path,
  backend,
}:
let
  cfg = config.services.nixfleet-agent;
  dropNulls = import ../settings/drop-nulls.nix lib;
in
{
  agent = dropNulls {
    fleet = config.nixfleet.trust.fleet;
    trust = "/etc/nixfleet/trust.json";
    inherit (cfg)
      host
      stateDirectory
      key
      controlPlanes
      mirrors
      substituters
      checkinWaitSeconds
      mirrorSeconds
      fetchJitterSeconds
      nixEnvironment
      collector
      ;
    inherit path backend;
  };
  healthChecks = {
    schemaVersion = 1;
    checks = dropNulls cfg.healthChecks;
  };
}
