# What an agent cannot start without, said when the system is evaluated instead of when it boots.
{ lib, config }:
let
  cfg = config.services.nixfleet-agent;
  outsideTheStore = import ../settings/outside-the-store.nix lib;
in
[
  {
    assertion = config.nixfleet.trust.document != null;
    message = "services.nixfleet-agent needs a trust document to start from: set nixfleet.trust.document to the file that `nixfleet trust init --output` wrote.";
  }
  {
    assertion = cfg.controlPlanes != [ ] || cfg.mirrors != [ ];
    message = "services.nixfleet-agent knows no place to hear of releases: set controlPlanes, mirrors or both.";
  }
  (outsideTheStore {
    option = "services.nixfleet-agent.key";
    file = cfg.key;
  })
]
++ lib.imap0 (index: mirror: {
  assertion =
    {
      git = mirror.repository != null;
      https = mirror.url != null;
      directory = mirror.path != null;
    }
    .${mirror.kind};
  message = "services.nixfleet-agent.mirrors.${toString index} of kind ${mirror.kind} needs ${
    {
      git = "repository";
      https = "url";
      directory = "path";
    }
    .${mirror.kind}
  }.";
}) cfg.mirrors
