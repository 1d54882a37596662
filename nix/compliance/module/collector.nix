# The collector: runs the probes of etc/nixfleet/compliance.json, signs what they say, and keeps it.
{
  config,
  lib,
  ...
}:
let
  cfg = config.compliance.evidence.collector;
  hasAgent = config.services.nixfleet-agent.enable or false;
  # Systemd makes it only below /var/lib.
  belowLib = builtins.match "/var/lib/(.*)" cfg.outputDir;
in
{
  config = lib.mkMerge [
    (lib.mkIf (cfg.enable && hasAgent) {
      # The agent says there what it verified, and reads what was collected.
      systemd.services.nixfleet-agent.serviceConfig.ReadWritePaths = [ cfg.outputDir ];
    })
    (lib.mkIf cfg.enable {
      environment.systemPackages = [ config.nixfleet.package ];

      systemd.services.compliance-evidence-collector = {
        description = "NixFleet: collects compliance evidence";
        # An agent starts it after each activation. Without one, each switch does, by starting what its target wants.
        wantedBy = lib.optional (!hasAgent) "multi-user.target";
        after = [
          "multi-user.target"
          "time-sync.target"
        ];
        restartIfChanged = false;
        # Nix and what is measured: a unit of NixOS finds neither by itself.
        path = [ "/run/current-system/sw" ];
        serviceConfig = {
          Type = "oneshot";
          ExecStart = lib.concatStringsSep " " ([
            "${config.nixfleet.package}/bin/nixfleet compliance collect"
            "--catalogue /etc/nixfleet/compliance.json"
            "--directory ${cfg.outputDir}"
            "--key ${cfg.key}"
            "--retention-days ${toString cfg.retentionDays}"
          ]
          # Also for what its timer collects before an agent said what it verified.
          ++ lib.optional hasAgent "--fleet ${config.nixfleet.trust.fleet}");
          # The whole collection, and what it takes to stop it.
          TimeoutStartSec = 120;
          TimeoutStopSec = 10;
          UMask = "0022";
          MemoryMax = "256M";
          TasksMax = 128;
          Nice = 10;
          # Root that may read everything and change nothing: the state of the kernel, of other processes, of files.
          CapabilityBoundingSet = [
            "CAP_DAC_READ_SEARCH"
            "CAP_SYS_PTRACE"
            "CAP_NET_ADMIN"
            "CAP_AUDIT_CONTROL"
            "CAP_AUDIT_READ"
            # Probes without privilege run as somebody else.
            "CAP_SETUID"
            "CAP_SETGID"
          ];
          NoNewPrivileges = true;
          ProtectSystem = "strict";
          ReadWritePaths = [ cfg.outputDir ];
          ProtectHome = "read-only";
          ProtectClock = true;
          ProtectHostname = true;
          ProtectKernelModules = true;
          ProtectKernelTunables = true;
          ProtectControlGroups = true;
          LockPersonality = true;
          RestrictRealtime = true;
          RestrictNamespaces = true;
          RestrictSUIDSGID = true;
          RemoveIPC = true;
          RestrictAddressFamilies = [
            "AF_INET"
            "AF_INET6"
            "AF_NETLINK"
            "AF_UNIX"
          ];
          SystemCallArchitectures = "native";
          SystemCallErrorNumber = "EPERM";
          SystemCallFilter = [
            "@system-service"
            "~@clock"
            "~@module"
            "~@mount"
            "~@raw-io"
            "~@reboot"
            "~@swap"
          ];
          # Not PrivateTmp, PrivateDevices, ProtectProc and ProtectKernelLogs: what is measured is the host's own /tmp, disks,
          # processes and kernel, not a copy made for this unit.
        }
        // (
          if belowLib == null then
            { }
          else
            {
              StateDirectory = builtins.head belowLib;
              # Evidence is for everybody to read.
              StateDirectoryMode = "0755";
            }
        );
      };

      systemd.timers.compliance-evidence-collector = {
        description = "NixFleet: collects compliance evidence regularly";
        wantedBy = [ "timers.target" ];
        timerConfig = {
          OnCalendar = cfg.interval;
          Persistent = true;
          # A fleet does not collect all at once.
          RandomizedDelaySec = 300;
        };
      };

      # Before the first collection too: an agent needs it when it starts.
      systemd.tmpfiles.rules = [ "d ${cfg.outputDir} 0755 root root - -" ];
      nixfleet.persistence.directories = [
        {
          directory = cfg.outputDir;
          mode = "0755";
        }
      ];
    })
  ];
}
