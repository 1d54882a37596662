# What mkFleet puts into every configuration that it extends.
{ types, scalars }:
let
  url =
    says: pattern:
    types.text {
      inherit says pattern;
      bytesMax = 2048;
    };
  # An address with a password would be readable in every closure.
  httpsUrl = url "an https:// URL without credentials" "https://[^/?#@[:space:]]+([/?#][!-~]*)?";
  word = says: types.text {
    inherit says;
    bytesMax = 2048;
    test = text: text != "";
  };
in
types.record {
  title = "agent of every host";
  options = {
    trust = {
      type = types.anything "the path of a trust document";
      description = "The trust document that hosts start from, as `nixfleet trust init --output` wrote it.";
      example = "./trust/trust-1.json";
    };
    controlPlanes = {
      type = types.listOf {
        of = httpsUrl;
        max = 16;
        isSet = true;
      };
      default = [ ];
      description = "Base URLs of the control planes, tried in order. Their keys are pinned by trust.";
      example = ''[ "https://control.example.org:8443" ]'';
    };
    mirrors = {
      type = types.listOf {
        of = types.variants {
          title = "mirror";
          tag = "kind";
          tagDescription = "What kind of place it is.";
          variants = {
            git = {
              description = "A branch of a git repository.";
              options = {
                repository = {
                  type = word "anything that git fetches from";
                  description = "Where git fetches from.";
                  example = ''"https://git.example.org/fleet.git"'';
                };
                branch = {
                  type = types.nullOr (word "a branch");
                  default = null;
                  description = "The branch; `releases` if unset.";
                  example = ''"releases"'';
                };
                path = {
                  type = types.nullOr (word "a folder");
                  default = null;
                  description = "The folder of the branch; its top if unset.";
                  example = ''"releases"'';
                };
              };
            };
            https = {
              description = "A folder that a web server serves.";
              options.url = {
                type = httpsUrl;
                description = "The URL of `releases/`.";
                example = ''"https://releases.example.org"'';
              };
            };
            directory = {
              description = "A folder of the host, such as a mounted disk.";
              options.path = {
                type = types.text {
                  says = "an absolute path";
                  pattern = "/[^\n]*";
                  bytesMax = 4096;
                };
                description = "The folder that is `releases/`.";
                example = ''"/mnt/releases"'';
              };
            };
          };
        };
        max = 16;
      };
      default = [ ];
      description = "Copies of `releases/` that keep hosts current without a control plane.";
      example = ''[ { kind = "git"; repository = "https://git.example.org/fleet.git"; } ]'';
    };
    substituters = {
      type = types.listOf {
        of = word "a Nix store URL";
        max = 32;
        isSet = true;
      };
      default = [ ];
      description = "Caches that closures are fetched from. Their keys come from trust.";
      example = ''[ "https://cache.example.org" ]'';
    };
  };
  rules = [
    {
      holds = agent: agent.controlPlanes != [ ] || agent.mirrors != [ ];
      reads = [
        "controlPlanes"
        "mirrors"
      ];
      rule = "a host hears of releases from a control plane or a mirror";
      fix = ''for example controlPlanes = [ "https://control.example.org:8443" ];'';
    }
  ];
}
