# Trust contract: the document that a host starts from. Newer ones are found by walking the chain, outside of any closure,
# so that rolling a closure back never restores a revoked key.
{ config, lib, ... }:
let
  inherit (lib) mkOption types;
  cfg = config.nixfleet.trust;
  content = if cfg.document == null then { } else builtins.fromJSON (builtins.readFile cfg.document);
in
{
  options.nixfleet.trust = {
    document = mkOption {
      type = types.nullOr types.path;
      default = null;
      description = ''
        The trust document that this machine starts from, as `nixfleet trust init --output` wrote it. It is public, and
        becomes `/etc/nixfleet/trust.json` of the closure. Compare its hash with the one you were told by other means.
      '';
      example = lib.literalExpression "./trust/trust-1.json";
    };
    fleet = mkOption {
      type = types.str;
      default = content.fleet or "";
      defaultText = lib.literalExpression "what the trust document says";
      description = "The name of the fleet.";
      example = "acme";
    };
    cacheKeys = mkOption {
      type = types.listOf types.str;
      default = content.cacheKeys or [ ];
      defaultText = lib.literalExpression "what the trust document says";
      description = "Public keys of the fleet's binary caches, as in `trusted-public-keys`.";
      example = [ "cache.example.org-1:bmV2ZXIgdXNlIHRoaXMgYXMgYSBrZXkgb2YgYSBjYWNoZSE=" ];
    };
  };

  config = lib.mkIf (cfg.document != null) {
    environment.etc."nixfleet/trust.json".source = cfg.document;
    assertions = [
      {
        assertion = (content.type or null) == "trust";
        message = "nixfleet.trust.document: not a trust document; give the file that `nixfleet trust init --output` wrote.";
      }
      {
        assertion = (content.type or null) != "trust" || cfg.fleet == content.fleet;
        message = "nixfleet.trust.fleet is \"${cfg.fleet}\", but the trust document is of \"${content.fleet or ""}\": leave the option out, or give the document of that fleet.";
      }
    ];
  };
}
