# The agent and its dead man's switch, as every closure of a machine with an agent has them.
{
  package,
  store,
  agentSettings,
  # What else it may write than its own directory, with a store by the daemon.
  writePaths ? [ ],
}:
let
  agent = import ../../../nix/modules/agent-units.nix {
    nixfleet = package;
    inherit store;
    searchPath = "/usr/sbin:/usr/bin:/sbin:/bin";
  };
in
{
  etcPrograms.${builtins.substring 4 (-1) agent.deadManPath} = agent.deadMan;

  units = {
    "nixfleet-recover.service" = agent.services.nixfleet-recover;
    "nixfleet-agent.service" = agent.services.nixfleet-agent // {
      restartTriggers = [ (builtins.hashString "sha256" (builtins.toJSON agentSettings)) ];
      serviceConfig = agent.services.nixfleet-agent.serviceConfig // {
        # systemd-nspawn gives each boot its identity by a file over /proc, which these hide.
        ProtectProc = "default";
        ProtectKernelTunables = false;
        ProtectControlGroups = false;
        ReadWritePaths = (agent.services.nixfleet-agent.serviceConfig.ReadWritePaths or [ ]) ++ writePaths;
      };
    };
  };
}
