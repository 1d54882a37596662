# services.nixfleet-agent.
{ config, lib, ... }:
let
  inherit (lib) mkOption types;
in
{
  options.services.nixfleet-agent = {
    enable = mkOption {
      type = types.bool;
      default = false;
      description = "Whether this machine follows the fleet's releases.";
      example = true;
    };
    host = mkOption {
      type = types.str;
      default = config.networking.hostName;
      defaultText = lib.literalExpression "config.networking.hostName";
      description = "The name for which the fleet declares this machine's key.";
      example = "web-1";
    };
    controlPlanes = mkOption {
      type = types.listOf types.str;
      default = [ ];
      description = "Base URLs of the control planes, tried in order. Their keys are pinned by trust.";
      example = [ "https://control.example.org:8443" ];
    };
    mirrors = mkOption {
      type = types.listOf (import ../settings/mirrors.nix lib);
      default = [ ];
      description = "Copies of `releases/` that keep the machine current without a control plane.";
      example = [
        {
          kind = "git";
          repository = "https://git.example.org/fleet.git";
        }
      ];
    };
    substituters = mkOption {
      type = types.listOf types.str;
      default = [ ];
      description = "Caches that closures are fetched from. Their keys come from trust, not from `nix.settings`.";
      example = [ "https://cache.example.org" ];
    };
    key = mkOption {
      type = types.str;
      default = "/etc/ssh/ssh_host_ed25519_key";
      description = "This machine's private key: OpenSSH (unencrypted ed25519) or PKCS#8 PEM. Signs the journal and proves who connects.";
      example = "/persist/etc/nixfleet/host.pem";
    };
    stateDirectory = mkOption {
      type = types.str;
      default = "/var/lib/nixfleet-agent";
      description = "The agent's journal, floors and own copies of documents.";
      example = "/persist/nixfleet-agent";
    };
    checkinWaitSeconds = mkOption {
      type = types.ints.between 0 120;
      default = 60;
      description = "How long the control plane may hold a check-in until there is something new.";
      example = 30;
    };
    mirrorSeconds = mkOption {
      type = types.ints.between 1 86400;
      default = 300;
      description = "Between two looks at the mirrors.";
      example = 60;
    };
    fetchJitterSeconds = mkOption {
      type = types.ints.between 0 3600;
      default = 5;
      description = "Machines that may start at once begin to fetch within so many seconds, each at a moment of its own, so that they do not ask the cache all together.";
      example = 60;
    };
    nixEnvironment = mkOption {
      type = types.attrsOf types.str;
      default = { };
      description = "Variables of the agent's Nix commands.";
      example = {
        https_proxy = "http://proxy.example.org:3128";
      };
    };
    collector = mkOption {
      type = types.nullOr (
        types.submodule {
          options = {
            command = mkOption {
              type = types.listOf types.str;
              description = "A program, by absolute path, that makes one collection and ends.";
              example = [ "/run/current-system/sw/bin/systemctl" ];
            };
            directory = mkOption {
              type = types.str;
              description = "Where it keeps what it signed.";
              example = "/var/lib/nixfleet-compliance";
            };
          };
        }
      );
      default =
        let
          evidence = config.compliance.evidence.collector or { enable = false; };
        in
        if evidence.enable then
          {
            command = [
              "/run/current-system/sw/bin/systemctl"
              "start"
              "compliance-evidence-collector.service"
            ];
            directory = evidence.outputDir;
          }
        else
          null;
      defaultText = lib.literalExpression "the collector of `compliance`, where that is enabled";
      description = ''
        What measures this machine after an activation. Without one nothing is confirmed in a channel that enforces controls.
      '';
      example = null;
    };
    healthChecks = mkOption {
      type = types.attrsOf (types.attrsOf types.anything);
      default = { };
      description = ''
        Probes of this machine, as `healthChecks` of a fleet. mkFleet renders here what the fleet declares for the host; set
        it by hand only for a machine that no mkFleet extends.
      '';
      example = {
        http = {
          kind = "http";
          url = "http://127.0.0.1:8080/healthz";
        };
      };
    };
  };
}
