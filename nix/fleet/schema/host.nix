# One machine.
{
  types,
  scalars,
  compliance,
  healthChecks,
  pin,
}:
types.record {
  title = "host";
  options = {
    system = {
      type = scalars.system;
      description = "The Nix system the host runs.";
      example = ''"x86_64-linux"'';
    };
    configuration = {
      type = types.anything "a NixOS or nix-darwin configuration";
      description = "What nixosSystem or darwinSystem returns; mkFleet extends it with the agent. Without `agent`, anything with config.system.build.toplevel. Evaluated only to build this host.";
      example = "self.nixosConfigurations.web-1";
    };
    channel = {
      type = scalars.nameOf "channel";
      description = "The channel the host belongs to.";
      example = ''"stable"'';
    };
    tags = {
      type = types.listOf {
        of = scalars.nameOf "tag";
        max = 64;
        isSet = true;
      };
      default = [ ];
      description = "What selectors find the host by.";
      example = ''[ "web" "canary" ]'';
    };
    pubkeys = {
      type = types.listOf {
        of = scalars.pubkey;
        min = 1;
        max = 4;
      };
      description = "The host's identity: its public keys as OpenSSH prints them. Two overlap while one is being rotated. A key stands for one identity in the whole fleet.";
      example = ''[ "ssh-ed25519 AAAA… root@web-1" ]'';
    };
    healthChecks = {
      type = healthChecks;
      default = { };
      description = "Probes of this host, in place of those of the same name from channel, tags and fleet.";
      example = ''{ web = { kind = "http"; url = "http://127.0.0.1:8080/healthz"; }; }'';
    };
    compliance = {
      type = types.nullOr compliance;
      default = null;
      description = "What is evaluated on this host, in place of what its channel, tags or the fleet say.";
      example = ''{ mode = "permissive"; frameworks = [ "nis2" ]; }'';
    };
    pin = {
      type = types.nullOr pin;
      default = null;
      description = "Keeps this host at a fixed commit or closure. Wins over pins of its tags and its channel.";
      example = ''{ commit = "8b3f0c2d9a1e4f5b6c7d8e9f0a1b2c3d4e5f6a7b"; reason = "driver regression, ticket 4711"; }'';
    };
  };
}
