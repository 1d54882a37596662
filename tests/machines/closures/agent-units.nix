# The units of the agent.
{ package, agentSettings }:
{
  "nixfleet-agent.service" = {
    description = "NixFleet agent";
    wantedBy = [ "multi-user.target" ];
    after = [ "network-addresses.service" ];
    stopIfChanged = false;
    restartTriggers = [ (builtins.hashString "sha256" (builtins.toJSON agentSettings)) ];
    serviceConfig = {
      ExecStart = "${package}/bin/nixfleet agent run";
      StateDirectory = "nixfleet-agent";
      StateDirectoryMode = "0700";
      Restart = "always";
      RestartSec = 1;
      KillMode = "process";
    };
  };
}
