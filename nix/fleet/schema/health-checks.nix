# Probes. After a switch every enforced one passes once before the host confirms; while it soaks they run on.
{ types, scalars }:
let
  shared = {
    mode = {
      type = types.oneOf [
        "enforce"
        "observe"
        "disabled"
      ];
      default = "enforce";
      description = "`enforce`: a failure fails the release on this host. `observe`: reported only. `disabled`: not run, for instance to switch off what a wider scope declares.";
      example = ''"observe"'';
    };
    intervalSeconds = {
      type = scalars.seconds 1 3600;
      default = 30;
      description = "From one run to the next.";
      example = "10";
    };
    timeoutSeconds = {
      type = scalars.seconds 1 300;
      default = 5;
      description = "A run that takes longer has failed.";
      example = "10";
    };
    failureThreshold = {
      type = types.int {
        min = 1;
        max = 100;
      };
      default = 3;
      description = "Failed runs in a row that make a failure, so that one lost packet reverts no release.";
      example = "2";
    };
  };

  word =
    bytesMax: says:
    types.text {
      inherit says bytesMax;
      test = text: text != "";
    };

  # Ports up to 65535 and no user information: what readers of the signed document accept as a URL.
  url = types.text {
    says = "an http:// or https:// URL";
    pattern = "https?://([a-zA-Z0-9]([a-zA-Z0-9.-]*[a-zA-Z0-9])?|\\[[0-9a-fA-F:.]+])(:([0-9]{1,4}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]))?([/?#][!-~]*)?";
    bytesMax = 2048;
  };
in
types.attrsOf {
  name = scalars.nameOf "health check";
  of = types.variants {
    title = "health check";
    tag = "kind";
    tagDescription = "What is probed.";
    variants = {
      http = {
        description = "A GET that must answer with the expected status.";
        options = shared // {
          url = {
            type = url;
            description = "What to get, from the host itself.";
            example = ''"http://127.0.0.1:8080/healthz"'';
          };
          expectStatus = {
            type = types.int {
              min = 100;
              max = 599;
            };
            default = 200;
            description = "The status that passes.";
            example = "204";
          };
        };
      };
      tcp = {
        description = "A TCP connection that must be accepted.";
        options = shared // {
          host = {
            type = word 253 "a host name or address";
            default = "127.0.0.1";
            description = "Where to connect to.";
            example = ''"10.0.0.2"'';
          };
          port = {
            type = types.int {
              min = 1;
              max = 65535;
            };
            description = "The port to connect to.";
            example = "5432";
          };
        };
      };
      exec = {
        description = "A command that must exit with 0.";
        options = shared // {
          command = {
            type = types.listOf {
              of = scalars.line 4096;
              min = 1;
              max = 64;
            };
            description = "Program and arguments. No shell in between: what needs one says sh -c.";
            example = ''[ "/run/current-system/sw/bin/pg_isready" "-q" ]'';
          };
          network = {
            type = types.bool;
            default = false;
            description = "Whether the program may use the network. On NixOS it runs as a user of its own, and sees no network unless this is set.";
            example = "true";
          };
        };
      };
      systemd = {
        description = "Units that must be active.";
        options = shared // {
          units = {
            type = types.listOf {
              of = word 256 "the name of a unit";
              max = 64;
              isSet = true;
            };
            default = [ ];
            description = "The units. Empty: no unit may have failed since the switch.";
            example = ''[ "nginx.service" ]'';
          };
        };
      };
      evidence = {
        description = "Compliance controls that must pass.";
        rules = [
          {
            holds = value: (value.framework == null) != (value.controls == null);
            reads = [
              "framework"
              "controls"
            ];
            rule = "an evidence check names either a framework or controls";
            fix = "set one of framework and controls";
          }
        ];
        options = shared // {
          framework = {
            type = types.nullOr (word 64 "the name of a framework");
            default = null;
            description = "All controls of this framework.";
            example = ''"nis2"'';
          };
          controls = {
            type = types.nullOr (
              types.listOf {
                of = word 64 "the identifier of a control";
                min = 1;
                max = 256;
                isSet = true;
              }
            );
            default = null;
            description = "These controls.";
            example = ''[ "access-control" ]'';
          };
        };
      };
    };
  };
}
