# services.nixfleet-control-plane: passes on what was signed elsewhere. Its state may be lost at any time.
{ config, lib, ... }:
let
  inherit (lib) mkOption types;
  cfg = config.services.nixfleet-control-plane;
  dropNulls = import ./settings/drop-nulls.nix lib;
  outsideTheStore = import ./settings/outside-the-store.nix lib;

  user = "nixfleet-control-plane";
  stateDirectory = "/var/lib/${user}";
  credentials = "/run/credentials/${user}.service";

  settings = dropNulls {
    trust = "/etc/nixfleet/trust.json";
    tlsKey = "${credentials}/tls-key";
    listen = {
      host = cfg.listen.address;
      inherit (cfg.listen) port;
    };
    release = {
      inherit (cfg.release)
        kind
        url
        branch
        path
        ;
      identityFile = if cfg.release.identityFile == null then null else "${credentials}/git-identity";
      knownHostsFile = cfg.release.knownHostsFile;
    };
    inherit stateDirectory;
    database =
      if cfg.database.url == null then
        null
      else
        {
          inherit (cfg.database) url caFile;
          passwordFile = if cfg.database.passwordFile == null then null else "${credentials}/database-password";
        };
    inherit (cfg)
      pollSeconds
      rebuildSecondsMax
      offlineAfterSeconds
      limits
      ;
  };

  orNull =
    type: description: example:
    mkOption {
      type = types.nullOr type;
      default = null;
      inherit description example;
    };
in
{
  imports = [
    ./package.nix
    ./persistence.nix
    ./trust.nix
  ];

  options.services.nixfleet-control-plane = {
    enable = mkOption {
      type = types.bool;
      default = false;
      description = "Whether this machine is a control plane of the fleet.";
      example = true;
    };
    tlsKeyFile = mkOption {
      type = types.nullOr types.str;
      default = null;
      description = ''
        PKCS#8 PEM of the key that trust pins (`nixfleet keys new`). Handed over by systemd's `LoadCredential`, so a
        secrets manager may leave it readable by root alone.
      '';
      example = "/run/secrets/nixfleet-control-plane.pem";
    };
    listen.address = mkOption {
      type = types.str;
      default = "::";
      description = "Where it listens; `::` is everywhere.";
      example = "10.0.0.1";
    };
    listen.port = mkOption {
      type = types.port;
      default = 8443;
      description = "The port it listens on.";
      example = 443;
    };
    openFirewall = mkOption {
      type = types.bool;
      default = false;
      description = "Whether the port is opened in this machine's firewall.";
      example = true;
    };
    release = {
      kind = mkOption {
        type = types.enum [
          "git"
          "https"
          "directory"
        ];
        default = "git";
        description = "What kind of place releases are published in; it says which of the other options apply.";
        example = "directory";
      };
      url = orNull types.str "`git`: anything that git fetches from. `https`: the URL of `releases/`." "git@git.example.org:fleet.git";
      branch = orNull types.str "`git`: the branch; `releases` if unset." "releases";
      path = orNull types.str "`git`: the folder of the branch; its top if unset. `directory`: the folder that is `releases/`." "/srv/releases";
      identityFile = orNull types.str "`git`: a read-only deploy key, handed over by `LoadCredential`." "/run/secrets/nixfleet-deploy-key";
      knownHostsFile = orNull types.path "`git`: host keys of the forge, as `ssh-keyscan` prints them. Public." (
        lib.literalExpression "./forge-known-hosts"
      );
    };
    database = {
      url = orNull types.str ''
        A PostgreSQL database that several control planes may share, instead of a store in the state directory:
        `postgres://user@host/database`, or `postgres:///database?host=/run/postgresql&user=user` for a Unix socket. No
        password may stand in it.
      '' "postgres://nixfleet@db.example.org/nixfleet";
      passwordFile = orNull types.str "Its first line is the database user's password. Handed over by `LoadCredential`." "/run/secrets/nixfleet-database";
      caFile = orNull types.path "PEM of the authorities that the server's certificate must come from; the system's if unset. To any host but this machine the connection is TLS." (
        lib.literalExpression "./database-ca.pem"
      );
    };
    pollSeconds = mkOption {
      type = types.ints.between 5 3600;
      default = 30;
      description = "Between two looks at the place releases are published in.";
      example = 300;
    };
    rebuildSecondsMax = mkOption {
      type = types.ints.between 0 3600;
      default = 120;
      description = "The longest wait for the hosts' journals after an empty start.";
      example = 600;
    };
    offlineAfterSeconds = mkOption {
      type = types.ints.between 5 3600;
      default = 150;
      description = "A host without a held check-in counts as online for so long after its last request.";
      example = 300;
    };
    limits = mkOption {
      type = types.attrsOf types.anything;
      default = { };
      description = "Bounds on requests, events and connections, as in `packages/control-plane/src/limits.ts`.";
      example = {
        connectionsMax = 2000;
      };
    };
  };

  config = lib.mkIf cfg.enable {
    environment.etc."nixfleet/control-plane.json".text = builtins.toJSON settings;
    nixfleet.persistence.directories = [
      {
        directory = stateDirectory;
        inherit user;
        group = user;
        mode = "0700";
      }
    ];
    networking.firewall.allowedTCPPorts = lib.mkIf cfg.openFirewall [ cfg.listen.port ];

    users.users.${user} = {
      isSystemUser = true;
      group = user;
      home = stateDirectory;
    };
    users.groups.${user} = { };

    systemd.services.${user} = {
      description = "NixFleet control plane";
      wantedBy = [ "multi-user.target" ];
      wants = [ "network-online.target" ];
      # A database on this machine is up first; one elsewhere that is not keeps the start from ending, and is tried again.
      after = [ "network-online.target" ] ++ lib.optional (cfg.database.url != null) "postgresql.service";
      restartTriggers = [
        config.environment.etc."nixfleet/control-plane.json".text
      ]
      ++ import ./settings/trust-content.nix config;
      path = [
        config.programs.git.package
        config.programs.ssh.package
      ];
      startLimitIntervalSec = 0;
      serviceConfig = (import ./settings/hardening.nix) // {
        ExecStart = "${config.nixfleet.package}/bin/nixfleet control-plane run --config /etc/nixfleet/control-plane.json";
        User = user;
        Group = user;
        StateDirectory = user;
        StateDirectoryMode = "0700";
        LoadCredential = [
          "tls-key:${toString cfg.tlsKeyFile}"
        ]
        ++ lib.optional (cfg.release.identityFile != null) "git-identity:${cfg.release.identityFile}"
        ++ lib.optional (cfg.database.passwordFile != null) "database-password:${cfg.database.passwordFile}";
        AmbientCapabilities = lib.mkIf (cfg.listen.port < 1024) [ "CAP_NET_BIND_SERVICE" ];
        CapabilityBoundingSet = if cfg.listen.port < 1024 then [ "CAP_NET_BIND_SERVICE" ] else "";
        # Stopping answers held check-ins, gives requests under way five seconds and writes a checkpoint.
        TimeoutStopSec = 30;
        Restart = "always";
        RestartSec = 5;
      };
    };

    assertions = [
      {
        assertion = config.nixfleet.trust.document != null;
        message = "services.nixfleet-control-plane needs a trust document to start from: set nixfleet.trust.document to the file that `nixfleet trust init --output` wrote.";
      }
      {
        assertion = cfg.tlsKeyFile != null;
        message = "services.nixfleet-control-plane.tlsKeyFile is not set: make a key with `nixfleet keys new`, pin it with `nixfleet trust init --control-plane-key`, and name the file here.";
      }
      {
        assertion = if cfg.release.kind == "directory" then cfg.release.path != null else cfg.release.url != null;
        message = "services.nixfleet-control-plane.release of kind ${cfg.release.kind} needs ${
          if cfg.release.kind == "directory" then "path" else "url"
        }: where `nixfleet release` publishes.";
      }
      {
        assertion = cfg.release.kind == "git" || (cfg.release.branch == null && cfg.release.identityFile == null && cfg.release.knownHostsFile == null);
        message = "services.nixfleet-control-plane.release: branch, identityFile and knownHostsFile are for kind git; leave them out for ${cfg.release.kind}.";
      }
      (outsideTheStore {
        option = "services.nixfleet-control-plane.tlsKeyFile";
        file = cfg.tlsKeyFile;
      })
      (outsideTheStore {
        option = "services.nixfleet-control-plane.release.identityFile";
        file = cfg.release.identityFile;
      })
      (outsideTheStore {
        option = "services.nixfleet-control-plane.database.passwordFile";
        file = cfg.database.passwordFile;
      })
      {
        assertion = cfg.database.url == null || builtins.match "[^/]*//[^/@]*:[^/@]*@.*" cfg.database.url == null;
        message = "services.nixfleet-control-plane.database.url holds a password, and everybody can read the Nix store: take it out and put it into a file named by passwordFile.";
      }
      {
        assertion = cfg.database.url != null || (cfg.database.passwordFile == null && cfg.database.caFile == null);
        message = "services.nixfleet-control-plane.database.passwordFile and caFile are for a database: set database.url too, or leave them out.";
      }
    ];
    warnings = lib.optional (cfg.listen.address == "::" && !cfg.openFirewall && config.networking.firewall.enable) (
      "services.nixfleet-control-plane listens everywhere, but the firewall keeps port ${toString cfg.listen.port} closed: set "
      + "openFirewall, or open it for the networks that hosts are in."
    );
  };
}
