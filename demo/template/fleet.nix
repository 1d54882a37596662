# The reference fleet: a canary, two web servers and a database, in two channels. `nixfleet/` beside this file is the
# shipped Nix half; `hosts.json` holds each host's public key and service port.
let
  nixfleet = import ./nixfleet;
  inherit (nixfleet.testing) system toplevel;

  app = builtins.fromJSON (builtins.readFile ./app.json);
  machines = builtins.fromJSON (builtins.readFile ./hosts.json);
  operators = builtins.fromJSON (builtins.readFile ./operators.json);

  host =
    name:
    {
      channel,
      tags,
    }:
    {
      system = builtins.currentSystem;
      inherit channel tags;
      pubkeys = [ machines.${name}.pubkey ];
      healthChecks.http = {
        kind = "http";
        url = "http://127.0.0.1:${toString machines.${name}.port}/healthz";
        intervalSeconds = 1;
        timeoutSeconds = 2;
        failureThreshold = 2;
      };
      # On real machines: what nixosSystem returns. Here a stand-in with the layout of a NixOS system.
      configuration = system {
        config = {
          networking.hostName = name;
          services.avahi.enable = app.avahi;
        }
        // (
          if app.controls then
            {
              compliance = {
                governance.level = "minimal";
                controls.serviceHardening.enable = true;
              };
            }
          else
            { }
        );
        toplevel =
          config:
          toplevel {
            inherit name;
            inherit (app) version healthy cutsNetwork;
            inherit (fleet.hosts.${name}) healthChecks;
            compliance = (config.environment.etc."nixfleet/compliance.json" or { }).text or null;
          };
      };
    };

  # Short, because this is a demonstration: minutes and hours on real machines.
  channel = {
    rolloutPolicy = "canary-first";
    confirm.timeoutSeconds = 5;
    activationTimeoutSeconds = 5;
    unconfirmedRetrySeconds = 2;
  };

  fleet = nixfleet.mkFleet {
    name = "demo";

    hosts = builtins.mapAttrs host {
      canary-1 = {
        channel = "web";
        tags = [ "canary" ];
      };
      web-1 = {
        channel = "web";
        tags = [ "web" ];
      };
      web-2 = {
        channel = "web";
        tags = [ "web" ];
      };
      db-1 = {
        channel = "data";
        tags = [ "database" ];
      };
    };

    channels.web = channel // {
      description = "Stateless servers";
      # What fails is not released, and what is released and fails is not confirmed.
      compliance = if app.controls then { mode = "enforce"; frameworks = [ "nis2" ]; } else null;
    };
    channels.data = channel // {
      description = "Databases, after the web channel has converged";
    };
    channelEdges = [
      {
        gated = "data";
        gates = "web";
        reason = "the schema follows the code";
      }
    ];

    rolloutPolicies.canary-first = {
      waves = [
        {
          selector.tags = [ "canary" ];
          soakSeconds = 1;
        }
      ];
      rest.soakSeconds = 1;
      onHealthFailure = "rollback-and-halt";
    };

    # A control that fails on purpose, while compliance/drill.json is there.
    drill = nixfleet.drillOf ./compliance;

    inherit operators;
  };
in
fleet
