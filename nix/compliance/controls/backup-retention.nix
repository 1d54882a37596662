# What would be lost with the host is elsewhere too, and can be brought back.
{
  given,
  many,
  measureWith,
  types,
  checks,
  ...
}:
let
  inherit (checks) attrsAt want wantOf;
  inherit (builtins)
    any
    attrNames
    attrValues
    concatMap
    elem
    filter
    map
    stringLength
    substring
    ;

  record = import ../record.nix { inherit types given; };
  path = "compliance.controls.backupRetention";
  folder = types.text {
    says = "an absolute path";
    pattern = "/[^[:cntrl:]]*";
    bytesMax = 1024;
  };

  # restic and borg take one path or several.
  listed = value: if value == null then [ ] else if builtins.isList value then map toString value else [ (toString value) ];
  hasTarget =
    job: (job.repository or null) != null || (job.repositoryFile or null) != null || (job.repo or null) != null;
  restic = config: filter hasTarget (attrValues (attrsAt "services.restic.backups" config));
  borg = config: filter hasTarget (attrValues (attrsAt "services.borgbackup.jobs" config));
  coveredPaths =
    config: options:
    concatMap (job: listed (job.paths or null)) (restic config ++ borg config)
    ++ concatMap (
      name:
      # A registered job whose unit is not there runs never.
      if (attrsAt "systemd.services" config) ? ${name} then options.jobs.${name} else [ ]
    ) (attrNames options.jobs);

  isBelow =
    data: parent:
    parent == "/" || data == parent || substring 0 (stringLength parent + 1) data == "${parent}/";

  measure = measureWith "backup/v1";
in
{
  controlId = "backup-retention";
  optionName = "backupRetention";
  title = "Backups";
  purpose = "Every declared data set is backed up, kept, and proven to come back.";
  type = "both";
  schema = "backup/v1";

  options = {
    retentionDays = {
      type = types.int {
        min = 1;
        max = 3650;
      };
      default = 365;
      direction = "max";
      description = "Days that backups are kept.";
    };
    maxBackupAgeHours = {
      type = types.int {
        min = 1;
        max = 744;
      };
      default = 48;
      direction = "min";
      description = "Hours since the newest backup, at most.";
    };
    verifyInterval = {
      type = types.oneOf [
        "daily"
        "weekly"
        "monthly"
      ];
      default = "weekly";
      direction = "min";
      scale = [
        "daily"
        "weekly"
        "monthly"
      ];
      description = "How often backups are checked.";
    };
    dataSets = {
      type = types.listOf {
        of = folder;
        max = 64;
        isSet = true;
      };
      default = [ ];
      direction = "declared";
      description = "Folders that must not be lost.";
    };
    hasNoData = {
      type = types.bool;
      default = false;
      direction = "declared";
      description = "The host holds nothing that is not made again from its configuration.";
    };
    jobs = {
      type = types.attrsOf {
        name = types.text {
          says = "the name of a service, without .service";
          pattern = "[A-Za-z0-9@_.-]+";
          bytesMax = 128;
        };
        of = types.listOf {
          of = folder;
          max = 64;
        };
      };
      default = { };
      direction = "declared";
      description = "Services that back up by other means than services.restic and services.borgbackup, and what they cover.";
    };
    snapshotReports = {
      type = types.listOf {
        of = folder;
        max = 64;
        isSet = true;
      };
      default = [ ];
      direction = "declared";
      description = "Files to which jobs write the tool's list of snapshots after each run, as restic snapshots --json prints it.";
    };
    restoreRecord = record.option "the last check of the repository with something restored from it, of kind restore-test";
  };

  rules = [
    {
      id = "BR-01";
      name = "A job backs up every declared data set";
      severity = "standard";
      tags = [ "backup" ];
      evaluate =
        { config, options }:
        [
          (want "${path}.dataSets" (options.dataSets != [ ] || options.hasNoData) true // {
            fix = ''${path}.dataSets = [ "/var/lib/…" ]; # or hasNoData = true'';
          })
          (wantOf {
            option = "services.restic.backups";
            what = "data sets without a job";
            observed = filter (
              set: !(any (covered: isBelow set covered) (coveredPaths config options))
            ) options.dataSets;
            expect = [ ];
            fix = "add them to paths of a job of services.restic.backups or services.borgbackup.jobs, or to ${path}.jobs";
          })
        ];
      remediation = "Name what must not be lost in compliance.controls.backupRetention.dataSets, and give each a job.";
    }
    {
      id = "BR-02";
      name = "The newest backup is recent";
      severity = "standard";
      tags = [ "backup" ];
      check =
        { config, options }:
        let
          services =
            map (name: "restic-backups-${name}.service") (attrNames (attrsAt "services.restic.backups" config))
            ++ map (name: "borgbackup-job-${name}.service") (attrNames (attrsAt "services.borgbackup.jobs" config))
            ++ map (name: "${name}.service") (attrNames options.jobs);
        in
        if options.hasNoData then
          null
        else
          measure {
            name = "backup";
            args =
              many "--unit" services
              ++ many "--report" options.snapshotReports
              ++ given "--max-age-hours" options.maxBackupAgeHours;
          };
      remediation = "See why the last run failed, and run the job again.";
    }
    {
      id = "BR-03";
      name = "Backups are kept long enough";
      severity = "standard";
      tags = [ "backup" ];
      check =
        { options, ... }:
        if options.snapshotReports == [ ] then
          null
        else
          measure {
            name = "backup";
            args =
              many "--report" options.snapshotReports
              ++ given "--max-age-hours" options.maxBackupAgeHours
              ++ given "--retention-days" options.retentionDays;
          };
      remediation = "Raise what the job's pruning keeps.";
    }
    {
      id = "BR-04";
      name = "Backups are checked, and were restored from";
      severity = "standard";
      tags = [ "backup" ];
      check =
        { options, ... }:
        record.check measure {
          file = options.restoreRecord;
          kind = "restore-test";
          maxAgeDays = record.days.${options.verifyInterval};
        };
      remediation = "Run the check of the repository and restore something, and let that job write compliance.controls.backupRetention.restoreRecord.";
    }
    {
      id = "BR-05";
      name = "A copy is outside this network";
      severity = "strict";
      tags = [ "backup" ];
      # Whether a repository is in another network, its address does not tell.
      isAttested = true;
      remediation = "Add a repository at another place.";
    }
  ];
}
