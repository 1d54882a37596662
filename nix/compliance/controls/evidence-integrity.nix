# That the other results can be believed. It cannot be waived.
{
  types,
  checks,
  given,
  many,
  measureWith,
  ...
}:
let
  inherit (checks)
    at
    isOn
    listAt
    want
    ;

  # A collection that the timer starts late is not yet a missing one.
  lateSeconds = 3600;

  collector = name: config: at "compliance.evidence.collector.${name}" config;
  # What the host has kept before the collection that asks. Null where nothing is collected.
  look =
    config: aspect: more:
    if collector "outputDir" config == null then
      null
    else
      measureWith "evidence/v1" {
        name = "evidence-integrity";
        args = [ "--look" aspect ] ++ given "--directory" (collector "outputDir" config) ++ more;
      };
in
{
  controlId = "evidence-integrity";
  optionName = "evidenceIntegrity";
  title = "Evidence integrity";
  purpose = "Evidence is collected, signed with the declared key, and without gaps.";
  type = "both";
  schema = "evidence/v1";

  options.minFreeMegabytes = {
    type = types.int {
      min = 1;
      max = 100000;
    };
    default = 256;
    direction = "max";
    description = "Free space where evidence is kept.";
  };

  rules = [
    {
      id = "EI-01";
      name = "Evidence is collected, recently";
      severity = "minimal";
      tags = [ "evidence" ];
      evaluate =
        { config, ... }:
        [
          (want "compliance.evidence.collector.enable" (isOn "compliance.evidence.collector.enable" config) true)
          # Without one, nothing that is collected can be signed.
          (want "services.openssh.hostKeys" (
            builtins.any (key: (key.type or "") == "ed25519") (listAt "services.openssh.hostKeys" config)
            || at "services.nixfleet-agent.key" config != null
          ) true // { fix = ''services.openssh.hostKeys = [ { type = "ed25519"; path = "/etc/ssh/ssh_host_ed25519_key"; } ];''; })
        ];
      check =
        { config, ... }:
        look config "age" (
          let
            interval = collector "collectIntervalSeconds" config;
          in
          given "--max-age-seconds" (if interval == null then null else interval + lateSeconds)
        );
      remediation = "Enable compliance.evidence.collector, and see why its last run failed.";
    }
    {
      id = "EI-02";
      name = "The chain of evidence has no gap";
      severity = "minimal";
      tags = [ "evidence" ];
      check = { config, ... }: look config "chain" [ ];
      remediation = "Find out who removed evidence; the chain goes on, the gap stays visible.";
    }
    {
      id = "EI-03";
      name = "Evidence is signed with the declared key";
      severity = "minimal";
      tags = [ "evidence" ];
      check =
        { config, ... }:
        look config "signature" (
          many "--public-key" (listAt "compliance.evidence.collector.publicKeys" config)
          ++ given "--key-file" (if collector "key" config == null then null else "${collector "key" config}.pub")
        );
      remediation = "Declare the host's key in the fleet, or put the declared key back; declare both until a collection was signed with the new one.";
    }
    {
      id = "EI-04";
      name = "There is space for evidence";
      severity = "minimal";
      tags = [ "evidence" ];
      check = { config, options }: look config "space" (given "--free-megabytes-min" options.minFreeMegabytes);
      remediation = "Free space below compliance.evidence.collector.outputDir.";
    }
  ];
}
