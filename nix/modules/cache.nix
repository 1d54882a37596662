# services.nixfleet-cache: this machine takes what it needs from the fleet's cache, for stock Nix commands too. The agent
# does not depend on it.
{ config, lib, ... }:
let
  inherit (lib) mkOption types;
  cfg = config.services.nixfleet-cache;
in
{
  imports = [ ./trust.nix ];

  options.services.nixfleet-cache = {
    enable = mkOption {
      type = types.bool;
      default = false;
      description = "Whether Nix on this machine uses the fleet's binary caches.";
      example = true;
    };
    urls = mkOption {
      type = types.listOf types.str;
      default = [ ];
      description = "The caches.";
      example = [ "https://cache.example.org" ];
    };
    publicKeys = mkOption {
      type = types.listOf types.str;
      default = config.nixfleet.trust.cacheKeys;
      defaultText = lib.literalExpression "config.nixfleet.trust.cacheKeys";
      description = "Keys whose signatures count.";
      example = [ "cache.example.org-1:bmV2ZXIgdXNlIHRoaXMgYXMgYSBrZXkgb2YgYSBjYWNoZSE=" ];
    };
  };

  config = lib.mkIf cfg.enable {
    nix.settings.substituters = cfg.urls;
    nix.settings.trusted-public-keys = cfg.publicKeys;
    assertions = [
      {
        assertion = cfg.urls != [ ];
        message = "services.nixfleet-cache.urls is empty: name the caches that `nixfleet release --push-to` fills.";
      }
      {
        assertion = cfg.publicKeys != [ ];
        message = "services.nixfleet-cache has no key to check signatures with: set nixfleet.trust.document, or publicKeys.";
      }
    ];
  };
}
