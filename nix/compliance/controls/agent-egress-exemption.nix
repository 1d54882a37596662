# Whatever locks the network must leave the agent its way out: a host that cannot report can neither confirm nor be repaired.
{
  given,
  measureWith,
  types,
  checks,
  ...
}:
let
  inherit (checks) isOn note want;

  measure = measureWith "network/v1";
in
{
  controlId = "agent-egress-exemption";
  optionName = "agentEgressExemption";
  title = "Egress of the agent";
  purpose = "The agent reaches its control plane through every firewall that a control locks.";
  type = "both";
  schema = "network/v1";

  options.endpoint = {
    type = types.record {
      title = "endpoint";
      options = {
        host = {
          type = types.nullOr (types.text {
            says = "a host name or address";
            pattern = "[A-Za-z0-9.:-]+";
            bytesMax = 253;
          });
          default = null;
          description = "Of the control plane.";
        };
        port = {
          type = types.int {
            min = 1;
            max = 65535;
          };
          default = 443;
          description = "Its port.";
        };
        protocol = {
          type = types.oneOf [
            "tcp"
            "udp"
          ];
          default = "tcp";
          description = "Its protocol.";
        };
      };
    };
    default = {
      host = null;
      port = 443;
      protocol = "tcp";
    };
    direction = "declared";
    description = "Where the agent must always get to.";
  };

  rules = [
    {
      id = "AE-01";
      name = "The way out is declared wherever a firewall is locked";
      severity = "minimal";
      tags = [
        "network"
        "fleet"
      ];
      evaluate =
        { config, options }:
        let
          hasAgent = isOn "services.nixfleet-agent.enable" config;
          locks = isOn "compliance.controls.networkSegmentation.enable" config;
        in
        if hasAgent || locks then
          [
            (want "compliance.controls.agentEgressExemption.endpoint.host" (options.endpoint.host != null) true // {
              fix = ''compliance.controls.agentEgressExemption.endpoint.host = "control.example.org";'';
            })
            # Looked at whether or not this control is on: switched off is how it is forgotten.
            (want "compliance.controls.agentEgressExemption.enable" (
              !locks || isOn "compliance.controls.agentEgressExemption.enable" config
            ) true)
          ]
        else
          [ (note "services.nixfleet-agent.enable" false) ];
      remediation = "Set compliance.controls.agentEgressExemption.endpoint, and enable the control beside networkSegmentation.";
    }
    {
      id = "AE-02";
      name = "The control plane answers";
      severity = "minimal";
      tags = [
        "network"
        "fleet"
      ];
      check =
        { config, options }:
        if options.endpoint.host == null then
          null
        else
          measure {
            name = "egress";
            args =
              given "--host" options.endpoint.host
              ++ given "--port" options.endpoint.port
              ++ given "--key" (checks.at "services.nixfleet-agent.key" config)
              # The agent compares the server's key with the newest trust, which no closure knows.
              ++ [ "--any-key" ];
            network = "egress";
            timeoutSecs = 15;
          };
      remediation = "Let the host reach the endpoint: name resolution, routes, its own and other firewalls.";
    }
  ];
}
