# What the frameworks ask for, and the strictest of several at once: per option, by its declared direction, with the framework
# that decided.
#
#   preset framework parameters → { label; level; collectIntervalSeconds; controls = { optionName = { option = value; }; }; }
{
  lib,
  schema,
  byOptionName,
}:
let
  inherit (builtins)
    attrNames
    concatMap
    filter
    foldl'
    head
    listToAttrs
    map
    mapAttrs
    tail
    ;
  direction = import ./direction.nix { inherit lib; };

  hour = 3600;
  day = 24 * hour;

  # NIS2 essential, DORA critical providers, ISO in full scope; and everybody else.
  tiers = {
    strict = {
      level = "strict";
      collectIntervalSeconds = hour;
      controls = {
        accessControl.idleTimeoutMinutes = 15;
        auditLogging.retentionDays = 730;
        authentication.mfaRequired = true;
        backupRetention = {
          retentionDays = 730;
          verifyInterval = "daily";
        };
        changeManagement.maxSystemAgeDays = 14;
        disasterRecovery = {
          minGenerations = 10;
          rtoTarget = "4h";
          testInterval = "monthly";
        };
        encryptionInTransit.certExpiryWarningDays = 30;
        incidentResponse = {
          alertRetentionDays = 365;
          rollbackTestInterval = "weekly";
        };
        keyManagement.maxKeyAgeDays = 365;
        supplyChain.inputStalenessWarningDays = 14;
        vulnerabilityMgmt = {
          scanInterval = "daily";
          maxNixpkgsAgeDays = 14;
          blockOnCritical = true;
        };
      };
    };
    standard = {
      level = "standard";
      collectIntervalSeconds = day;
      controls = {
        accessControl.idleTimeoutMinutes = 30;
        auditLogging.retentionDays = 365;
        authentication.mfaRequired = false;
        backupRetention = {
          retentionDays = 365;
          verifyInterval = "weekly";
        };
        changeManagement.maxSystemAgeDays = 30;
        disasterRecovery = {
          minGenerations = 5;
          rtoTarget = "24h";
          testInterval = "quarterly";
        };
        encryptionInTransit.certExpiryWarningDays = 60;
        incidentResponse = {
          alertRetentionDays = 365;
          rollbackTestInterval = "monthly";
        };
        keyManagement.maxKeyAgeDays = 730;
        supplyChain.inputStalenessWarningDays = 30;
        vulnerabilityMgmt = {
          scanInterval = "weekly";
          maxNixpkgsAgeDays = 30;
          blockOnCritical = false;
        };
      };
    };
  };

  # A tier with some of its options replaced.
  adjusted =
    tier: replaced:
    tier
    // {
      controls =
        tier.controls // mapAttrs (name: options: (tier.controls.${name} or { }) // options) replaced;
    };

  anssiLevels = {
    minimal = "minimal";
    intermediary = "standard";
    enhanced = "strict";
    reinforced = "strict";
    high = "paranoid";
  };

  frameworks = {
    nis2 = { entityType, ... }: if entityType == "essential" then tiers.strict else tiers.standard;

    iso27001 = { certificationScope, ... }: if certificationScope == "full" then tiers.strict else tiers.standard;

    dora =
      { regime, isMarketInfrastructure, ... }:
      adjusted (if regime == "critical-provider" then tiers.strict else tiers.standard) {
        # Technical standards, 21(f)(ii).
        authentication.mfaRequired = true;
        # Central counterparties and securities depositories, technical standards 24.
        disasterRecovery = if isMarketInfrastructure then { rtoTarget = "2h"; } else { };
      };

    anssi-bp028 =
      { level, category, ... }:
      {
        level = anssiLevels.${level};
        collectIntervalSeconds = hour;
        controls = {
          auditLogging.retentionDays = 365;
          accessControl = {
            passwordAuthDisabled = true;
            rootLoginDisabled = true;
            idleTimeoutMinutes = if category == "server" then 15 else 30;
          };
          networkSegmentation.requireFirewall = true;
        };
      };
  };

  # The parameter that people know a preset by.
  parameterOf = {
    nis2 = "entityType";
    iso27001 = "certificationScope";
    dora = "regime";
    anssi-bp028 = "level";
  };

  # Name → [ { value; framework; } ] → the strictest, with who asked for it. Of equals the first.
  strictest =
    option: asked:
    foldl' (
      best: other:
      let
        value = direction.stricter option best.value other.value;
      in
      if value == best.value then
        best
      else
        {
          inherit value;
          framework = if value == other.value then other.framework else "${best.framework} and ${other.framework}";
        }
    ) (head asked) (tail asked);

  levelOption = {
    direction = "max";
    scale = schema.severities;
  };
  intervalOption.direction = "min";
in
{
  inherit direction parameterOf levelOption;
  names = attrNames frameworks;

  # { framework = parameters; } → { level; collectIntervalSeconds; controls; }, each value as { value; framework; }. Null for level
  # and interval if there is no framework.
  merged =
    chosen:
    let
      presets = map (name: {
        label = "${name} (${chosen.${name}.${parameterOf.${name}}})";
        preset = frameworks.${name} chosen.${name};
      }) (filter (name: frameworks ? ${name}) (attrNames chosen));
      askedBy = read: concatMap ({ label, preset }: map (value: { inherit value; framework = label; }) (read preset)) presets;
      decide =
        option: asked:
        if asked == [ ] then null else strictest option asked;
      controlNames = lib.lists.distinct (concatMap ({ preset, ... }: attrNames preset.controls) presets);
      optionNames =
        control: lib.lists.distinct (concatMap ({ preset, ... }: attrNames (preset.controls.${control} or { })) presets);
    in
    {
      level = decide levelOption (askedBy (preset: [ preset.level ]));
      collectIntervalSeconds = decide intervalOption (askedBy (preset: [ preset.collectIntervalSeconds ]));
      controls = listToAttrs (
        map (control: {
          name = control;
          value = listToAttrs (
            map (option: {
              name = option;
              value = decide byOptionName.${control}.options.${option} (
                askedBy (
                  preset: if (preset.controls.${control} or { }) ? ${option} then [ preset.controls.${control}.${option} ] else [ ]
                )
              );
            }) (optionNames control)
          );
        }) controlNames
      );
    };
}
