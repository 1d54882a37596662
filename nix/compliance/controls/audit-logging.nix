# What happened is written down, kept, and elsewhere before anybody can take it back.
{
  given,
  many,
  measureWith,
  types,
  checks,
  ...
}:
let
  inherit (checks)
    at
    attrsAt
    isOn
    lines
    listAt
    textAt
    want
    wantAt
    wantOf
    ;
  inherit (builtins)
    any
    elemAt
    filter
    fromJSON
    head
    isString
    map
    match
    ;

  # The last line of journald.conf that says it, as systemd takes it.
  journaldValue =
    config: key:
    let
      settings = attrsAt "services.journald.settings.Journal" config;
      found = filter (parts: parts != null) (
        map (match "[[:space:]]*${key}[[:space:]]*=[[:space:]]*([^[:space:]]+)[[:space:]]*") (
          lines (textAt "services.journald.extraConfig" config)
        )
      );
    in
    if found == [ ] then settings.${key} or null else head (elemAt found (builtins.length found - 1));

  dayUnits = {
    d = 1;
    day = 1;
    days = 1;
    week = 7;
    weeks = 7;
    month = 30;
    months = 30;
    year = 365;
    years = 365;
  };
  daysOf =
    span:
    let
      parts = if isString span then match "([0-9]+)([a-z]+)" span else null;
      unit = dayUnits.${elemAt parts 1} or null;
    in
    if parts == null || unit == null then null else fromJSON (head parts) * unit;

  sizeUnits = {
    M = 1;
    G = 1024;
    T = 1024 * 1024;
  };
  megabytesOf =
    size:
    let
      parts = if isString size then match "([0-9]+)([MGT])B?" size else null;
    in
    if parts == null then null else fromJSON (head parts) * sizeUnits.${elemAt parts 1};

  # What must be watched, and how a rule that does so looks.
  watched = {
    "commands as root" = ".*-S[[:space:]]+([a-z0-9_]+,)*execve([, ].*|$)";
    "users" = ".*(-w[[:space:]]+|path=)/etc/passwd([, ].*|$)";
    "groups" = ".*(-w[[:space:]]+|path=)/etc/group([, ].*|$)";
    "passwords" = ".*(-w[[:space:]]+|path=)/etc/shadow([, ].*|$)";
    "sudoers" = ".*(-w[[:space:]]+|path=)/etc/sudoers([, ].*|$)";
    "the clock" = ".*-S[[:space:]]+([a-z0-9_]+,)*clock_settime([, ].*|$)";
    "kernel modules" = ".*-S[[:space:]]+([a-z0-9_]+,)*finit_module([, ].*|$)";
    "mounts" = ".*-S[[:space:]]+([a-z0-9_]+,)*mount([, ].*|$)";
    "the audit configuration" = ".*(-w[[:space:]]+|(path|dir)=)/etc/audit/?([, ].*|$)";
  };
  auditRules = [
    "-a always,exit -F arch=b64 -S execve -F euid=0 -k root-commands"
    "-w /etc/passwd -p wa -k identity"
    "-w /etc/group -p wa -k identity"
    "-w /etc/shadow -p wa -k identity"
    "-w /etc/sudoers -p wa -k sudoers"
    "-a always,exit -F arch=b64 -S adjtimex,settimeofday,clock_settime -k time"
    "-a always,exit -F arch=b64 -S init_module,finit_module,delete_module -k modules"
    "-a always,exit -F arch=b64 -S mount,umount2 -k mounts"
    "-w /etc/audit/ -p wa -k audit"
  ];

  measure = measureWith "anssi-bp028/v1";
  record = import ../record.nix { inherit types given; };
in
{
  controlId = "audit-logging";
  optionName = "auditLogging";
  title = "Audit logging";
  purpose = "What happened can be read later, also after somebody tried to prevent it.";
  type = "both";
  schema = "anssi-bp028/v1";

  options = {
    retentionDays = {
      type = types.int {
        min = 1;
        max = 3650;
      };
      default = 365;
      direction = "max";
      description = "Days that the journal is kept.";
    };
    dailyMegabytes = {
      type = types.int {
        min = 1;
        max = 100000;
      };
      default = 10;
      direction = "declared";
      description = "What the journal of this host grows by in a day, compressed.";
    };
    forwardTo = {
      type = types.nullOr (types.text {
        says = "an https:// URL of systemd-journal-remote";
        pattern = "https://[^[:space:]]+";
        bytesMax = 512;
      });
      default = null;
      direction = "declared";
      description = "Where the journal is sent.";
    };
    markerRecord = record.option "the last marker that was logged here and found at the collector, of kind log-marker";
    adminEmail = {
      type = types.nullOr (types.text {
        says = "an address";
        pattern = "[^@[:space:]]+@[^@[:space:]]+";
        bytesMax = 254;
      });
      default = null;
      direction = "declared";
      description = "Who is told when auditd runs out of space.";
    };
  };

  rules = [
    {
      id = "AL-01";
      name = "The journal is kept, and has the space for it";
      severity = "standard";
      tags = [ "journal" ];
      articles.anssi-bp028 = [
        "R33"
        "R71"
        "R72"
      ];
      evaluate =
        { config, options }:
        [
          (wantAt config "services.journald.storage" "persistent")
          (wantOf {
            option = "services.journald.extraConfig";
            what = "MaxRetentionSec in days";
            observed = daysOf (journaldValue config "MaxRetentionSec");
            expect."$ge" = options.retentionDays;
            fix = checks.lineFix "services.journald.extraConfig" (journaldValue config "MaxRetentionSec") "MaxRetentionSec=${toString options.retentionDays}day";
          })
          (wantOf {
            option = "services.journald.extraConfig";
            what = "SystemMaxUse in megabytes";
            observed = megabytesOf (journaldValue config "SystemMaxUse");
            expect."$ge" = options.retentionDays * options.dailyMegabytes;
            fix = checks.lineFix "services.journald.extraConfig" (journaldValue config "SystemMaxUse") "SystemMaxUse=${toString (options.retentionDays * options.dailyMegabytes)}M";
          })
        ];
      implementations = [
        (
          { options, ... }:
          {
            services.journald.storage = "persistent";
            services.journald.extraConfig._lines = ''
              MaxRetentionSec=${toString options.retentionDays}day
              SystemMaxUse=${toString (options.retentionDays * options.dailyMegabytes)}M
            '';
          }
        )
      ];
      check =
        { options, ... }:
        measure {
          name = "journal-storage";
          args = given "--retention-days" options.retentionDays;
        };
      remediation = "Set services.journald.storage to persistent, and MaxRetentionSec and SystemMaxUse in services.journald.extraConfig.";
    }
    {
      id = "AL-02";
      name = "auditd runs and watches what is declared";
      severity = "strict";
      tags = [ "audit" ];
      articles.anssi-bp028 = [ "R73" ];
      evaluate =
        { config, ... }:
        [
          (wantAt config "security.auditd.enable" true)
          (wantAt config "security.audit.enable" {
            "$in" = [
              true
              "lock"
            ];
          })
        ]
        ++ map (
          name:
          wantOf {
            option = "security.audit.rules";
            what = name;
            observed = any (rule: match watched.${name} rule != null) (listAt "security.audit.rules" config);
            expect = true;
            fix = "security.audit.rules = ${checks.show (filter (rule: match watched.${name} rule != null) auditRules)};";
          }
        ) (builtins.attrNames watched);
      implementations = [
        (_: {
          security.auditd.enable = true;
          security.audit.enable = true;
          security.audit.rules = auditRules;
        })
      ];
      check =
        { config, ... }:
        measure {
          name = "audit";
          args = many "--rule" (listAt "security.audit.rules" config) ++ [ "--rotation" ];
          applicability = "probed";
        };
      remediation = "Enable security.auditd and security.audit, and add the missing rules to security.audit.rules.";
    }
    {
      id = "AL-03";
      name = "The journal is sent elsewhere, over TLS";
      severity = "strict";
      tags = [
        "journal"
        "network"
      ];
      articles.anssi-bp028 = [ "R71" ];
      evaluate =
        { config, options }:
        [
          (want "compliance.controls.auditLogging.forwardTo" (options.forwardTo != null) true // {
            fix = checks.linesFor (option: ''${option} = "https://logs.example.org:19532";'') [
              "compliance.controls.auditLogging.forwardTo"
              "services.journald.upload.settings.Upload.URL"
            ];
          })
          (wantOf {
            option = "services.journald.upload.enable";
            what = null;
            observed = isOn "services.journald.upload.enable" config;
            expect = true;
            fix = "services.journald.upload.enable = true;";
          })
          (want "services.journald.upload.settings.Upload.URL" (at "services.journald.upload.settings.Upload.URL" config) options.forwardTo)
        ];
      implementations = [
        (
          { options, ... }:
          {
            _when = options.forwardTo != null;
            services.journald.upload.enable = true;
            services.journald.upload.settings.Upload.URL = options.forwardTo;
          }
        )
      ];
      check =
        { options, ... }:
        if options.forwardTo == null then
          null
        else
          measure {
            name = "log-forwarding";
            args = given "--url" options.forwardTo;
          };
      remediation = "Set compliance.controls.auditLogging.forwardTo and services.journald.upload.";
    }
    {
      id = "AL-04";
      name = "What is written here arrives at the collector";
      severity = "strict";
      tags = [ "journal" ];
      articles.anssi-bp028 = [ "R71" ];
      check =
        { options, ... }:
        record.check measure {
          file = options.markerRecord;
          kind = "log-marker";
          maxAgeDays = record.days.monthly;
        };
      remediation = "Log a marker here, look for it at the collector, and let that job write compliance.controls.auditLogging.markerRecord.";
    }
  ];
}
