# Every option of mkFleet: type, default, description, example. Data, read by check.nix and reference.nix; one part a
# file in schema/.
{
  lib,
  types,
  scalars,
}:
let
  parts = { inherit types scalars; };
  selector = import ./schema/selector.nix parts;
  healthChecks = import ./schema/health-checks.nix parts;
  compliance = import ./schema/compliance.nix parts;
  policy = import ./schema/policy.nix (parts // { inherit selector; });
  drill = import ./schema/drill.nix parts;
  pin = import ./schema/pin.nix parts;
  times = import ./schema/times.nix (parts // { cron = import ./cron.nix { inherit lib; }; });
  channel = import ./schema/channel.nix (parts // { inherit compliance healthChecks pin times; });
  host = import ./schema/host.nix (parts // { inherit compliance healthChecks pin; });
  agent = import ./schema/agent.nix parts;

  named =
    what: of:
    types.attrsOf {
      name = scalars.nameOf what;
      inherit of;
    };
in
types.record {
  title = "fleet";
  options = {
    name = {
      type = scalars.nameOf "fleet";
      description = "The fleet's name. Every signed document carries it, so that one fleet's documents are refused by another.";
      example = ''"acme"'';
    };

    agent = {
      type = types.nullOr agent;
      default = null;
      description = "What every host's configuration is extended with, so that the host follows the fleet. Null: configurations are built as they are given.";
      example = ''{ trust = ./trust/trust-1.json; controlPlanes = [ "https://control.example.org:8443" ]; substituters = [ "https://cache.example.org" ]; }'';
    };

    imports = {
      type = types.listOf {
        of = types.anything "options of the fleet, a function of { lib, fleet } that returns some, or a file with either";
        max = 256;
      };
      default = [ ];
      description = "More of the fleet, from other files. What is by name is joined, and no name may be declared twice; lists are put one after the other.";
      example = "[ ./hosts.nix ./policies.nix ]";
    };

    hosts = {
      type = named "host" host;
      description = "The machines, by name.";
      example = ''{ web-1 = { system = "x86_64-linux"; channel = "stable"; pubkeys = [ "ssh-ed25519 AAAA…" ]; configuration = self.nixosConfigurations.web-1; }; }'';
    };

    tags = {
      type = named "tag" (types.record {
        title = "tag";
        options = {
          description = {
            type = scalars.line 1000;
            default = "";
            description = "For people.";
            example = ''"Serves HTTP"'';
          };
          pin = {
            type = types.nullOr pin;
            default = null;
            description = "Pins every host that carries the tag, unless the host has a pin of its own.";
            example = ''{ commit = "8b3f0c2d9a1e4f5b6c7d8e9f0a1b2c3d4e5f6a7b"; reason = "driver regression, ticket 4711"; }'';
          };
          healthChecks = {
            type = healthChecks;
            default = { };
            description = "Probes of every host that carries the tag. A host's own or its channel's of the same name replaces one.";
            example = ''{ http = { kind = "http"; url = "http://127.0.0.1/healthz"; }; }'';
          };
          compliance = {
            type = types.nullOr compliance;
            default = null;
            description = "What is evaluated on every host that carries the tag, unless the host or its channel says otherwise.";
            example = ''{ mode = "enforce"; frameworks = [ "nis2" ]; }'';
          };
        };
      });
      default = { };
      description = "What is said about tags. A tag that says nothing need not be declared.";
      example = ''{ web = { description = "Serves HTTP"; healthChecks.http = { kind = "http"; url = "http://127.0.0.1/healthz"; }; }; }'';
    };

    channels = {
      type = named "channel" channel;
      default = { };
      description = "What rolls out together, and how. Every host is in exactly one.";
      example = ''{ stable = { rolloutPolicy = "canary-first"; }; }'';
    };

    rolloutPolicies = {
      type = named "rollout policy" policy.rolloutPolicy;
      default = { };
      description = "In which order hosts get a release, and what happens when one fails. Channels share them by name.";
      example = ''{ canary-first = { waves = [ { selector.tags = [ "canary" ]; soakMinutes = 30; } ]; }; }'';
    };

    edges = {
      type = types.listOf {
        max = 10000;
        of = types.record {
          title = "edge between hosts";
          options = {
            gated = {
              type = scalars.nameOf "host";
              description = "The host that waits.";
              example = ''"web-1"'';
            };
            gates = {
              type = scalars.nameOf "host";
              description = "The host that must have converged first; of the same channel.";
              example = ''"db-1"'';
            };
            reason = {
              type = types.nullOr scalars.reason;
              default = null;
              description = "Shown to whoever asks why the host waits.";
              example = ''"the schema migrates first"'';
            };
          };
        };
      };
      default = [ ];
      description = "Order between hosts of one channel.";
      example = ''[ { gated = "web-1"; gates = "db-1"; reason = "the schema migrates first"; } ]'';
    };

    channelEdges = {
      type = types.listOf {
        max = 256;
        of = types.record {
          title = "edge between channels";
          options = {
            gated = {
              type = scalars.nameOf "channel";
              description = "The channel that waits.";
              example = ''"stable"'';
            };
            gates = {
              type = scalars.nameOf "channel";
              description = "The channel that must have converged first.";
              example = ''"edge"'';
            };
            reason = {
              type = types.nullOr scalars.reason;
              default = null;
              description = "Shown to whoever asks why the channel waits.";
              example = ''"staging before production"'';
            };
          };
        };
      };
      default = [ ];
      description = "Order between channels.";
      example = ''[ { gated = "stable"; gates = "edge"; } ]'';
    };

    disruptionBudgets = {
      type = types.listOf {
        max = 256;
        of = policy.disruptionBudget;
      };
      default = [ ];
      description = "Limits on how many hosts may be switching at once, over all channels and rollouts.";
      example = ''[ { name = "web"; selector.tags = [ "web" ]; maxInFlightPercent = 25; } ]'';
    };

    healthChecks = {
      type = healthChecks;
      default = { };
      description = "Probes of every host. A tag's, channel's or host's of the same name replaces one.";
      example = ''{ units = { kind = "systemd"; }; }'';
    };

    compliance = {
      type = compliance;
      default = { };
      description = "What is evaluated on every host, and the gate of every channel's releases, unless a host, channel or tag says otherwise.";
      example = ''{ mode = "permissive"; frameworks = [ "anssi-bp028" ]; }'';
    };

    drill = {
      type = types.nullOr drill;
      default = null;
      description = "A control that fails on purpose on some hosts of a channel that enforces controls, until a deadline. Every host of that channel has it, so that later waves have something to wait for; it is inert on those that are not named.";
      example = "nixfleet.lib.drillOf ./compliance";
    };

    release = {
      type = types.record {
        title = "facts of a release";
        options =
          let
            fact = type: description: example: {
              type = types.nullOr type;
              default = null;
              inherit description example;
            };
          in
          {
            evaluatedAt = fact (types.int {
              min = 0;
              max = null;
            }) "The time that ages are counted to, in seconds since 1970; a flake's is self.lastModified." "self.lastModified";
            revision = fact scalars.commit "The commit." "self.rev or null";
            isDirty = fact types.bool "Whether something was not committed." "!(self ? rev)";
            author = fact (scalars.line 256) "Who made the change, as the forge names them." ''"ada"'';
            approvals = fact (types.listOf {
              of = scalars.line 256;
              max = 64;
            }) "Who approved it." ''[ "grace" ]'';
            inputs = fact (types.anything "inputs by name, each with narHash and lastModified") "The locked inputs." "removeAttrs inputs [ \"self\" ]";
            drills = fact (types.listOf {
              of = types.anything "what drillsOf makes of a record";
              max = 1000;
            }) "Drills that were recorded. A host goes by those of its channel." "nixfleet.lib.drillsOf ./compliance";
            advisories = fact (types.anything "a snapshot of advisories") "Known holes: { snapshotAt, findings = [ { id, severity, since } ] }, in seconds since 1970." "import ./advisories.nix";
          };
      };
      default = { };
      description = "What no configuration knows, and rules about the release ask for. What is null is unknown, and fails them. `complianceWith` takes what only the moment of the release knows.";
      example = "nixfleet.lib.releaseOf inputs";
    };

    complianceFrameworks = {
      type = types.listOf {
        of = types.text {
          says = "the name of a framework";
          bytesMax = 64;
          test = text: text != "";
        };
        max = 64;
      };
      default = [
        "anssi-bp028"
        "dora"
        "iso27001"
        "nis2"
      ];
      description = "Names of frameworks that may be used in this fleet, so that a typing error does not switch a gate off.";
      example = ''[ "nis2" "in-house" ]'';
    };

    operators = {
      type = named "operator" (types.record {
        title = "operator";
        options.pubkeys = {
          type = types.listOf {
            of = scalars.pubkey;
            min = 1;
            max = 4;
          };
          description = "Keys the operator may read with; two overlap while one is being rotated.";
          example = ''[ "ssh-ed25519 AAAA… ada@laptop" ]'';
        };
      });
      default = { };
      description = "People who may read the control plane. They can change nothing: what changes a fleet is a signed commit.";
      example = ''{ ada.pubkeys = [ "ssh-ed25519 AAAA… ada@laptop" ]; }'';
    };
  };
}
