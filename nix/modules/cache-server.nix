# services.nixfleet-cache-server: a binary cache as a folder of files that nginx serves. CI signs what it puts there
# (`nixfleet release --push-to 'file:///var/lib/nixfleet-cache?secret-key=…'`), so that the server holds no key: whoever
# takes it over can delay a release, not forge one.
{ config, lib, ... }:
let
  inherit (lib) mkOption types;
  cfg = config.services.nixfleet-cache-server;
in
{
  imports = [ ./persistence.nix ];

  options.services.nixfleet-cache-server = {
    enable = mkOption {
      type = types.bool;
      default = false;
      description = "Whether this machine serves a binary cache.";
      example = true;
    };
    hostName = mkOption {
      type = types.str;
      default = config.networking.hostName;
      defaultText = lib.literalExpression "config.networking.hostName";
      description = ''
        The virtual host of nginx. TLS is nginx's business: set `enableACME` and `forceSSL` of
        `services.nginx.virtualHosts.<hostName>`. Agents check every path against signed digests either way.
      '';
      example = "cache.example.org";
    };
    directory = mkOption {
      type = types.str;
      default = "/var/lib/nixfleet-cache";
      description = "The folder that `nix copy --to file://…` fills.";
      example = "/srv/cache";
    };
    user = mkOption {
      type = types.str;
      default = "root";
      description = "Who may write to the folder: the user that CI copies as. Everybody may read it.";
      example = "ci";
    };
    priority = mkOption {
      type = types.ints.unsigned;
      default = 30;
      description = "Caches with a smaller number are asked first; cache.nixos.org has 40.";
      example = 10;
    };
    openFirewall = mkOption {
      type = types.bool;
      default = false;
      description = "Whether ports 80 and 443 are opened in this machine's firewall.";
      example = true;
    };
  };

  config = lib.mkIf cfg.enable {
    services.nginx.enable = true;
    services.nginx.virtualHosts.${cfg.hostName} = {
      root = cfg.directory;
      locations."/".extraConfig = "autoindex off;";
      # There before anything was copied, and with the priority, which nix copy does not write.
      locations."= /nix-cache-info".extraConfig = ''
        default_type text/x-nix-cache-info;
        return 200 "StoreDir: ${builtins.storeDir}\nWantMassQuery: 1\nPriority: ${toString cfg.priority}\n";
      '';
    };
    systemd.tmpfiles.rules = [ "d ${cfg.directory} 0755 ${cfg.user} - - -" ];
    networking.firewall.allowedTCPPorts = lib.mkIf cfg.openFirewall [
      80
      443
    ];
    nixfleet.persistence.directories = [
      {
        inherit (cfg) directory user;
        mode = "0755";
      }
    ];
    assertions = [
      {
        assertion = cfg.hostName != "";
        message = "services.nixfleet-cache-server.hostName is empty: set it, or networking.hostName.";
      }
    ];
  };
}
