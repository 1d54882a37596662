# Somebody is told, soon, and can go back.
{
  given,
  measureWith,
  types,
  checks,
  ...
}:
let
  inherit (checks)
    attrsAt
    isOn
    want
    ;
  inherit (builtins) any isString;
  drills = import ../drills.nix { inherit checks; };
  record = import ../record.nix { inherit types given; };
  path = "compliance.controls.incidentResponse.alertRoute";
in
{
  controlId = "incident-response";
  optionName = "incidentResponse";
  title = "Incident response";
  purpose = "Alerts reach a person, and going back is rehearsed.";
  type = "both";
  schema = "incident/v1";

  options = {
    alertRetentionDays = {
      type = types.int {
        min = 1;
        max = 3650;
      };
      default = 365;
      direction = "max";
      description = "Days that alerts are kept.";
    };
    rollbackTestInterval = {
      type = types.oneOf [
        "weekly"
        "monthly"
        "quarterly"
      ];
      default = "monthly";
      direction = "min";
      scale = [
        "weekly"
        "monthly"
        "quarterly"
      ];
      description = "How often going back is rehearsed.";
    };
    alertRoute = {
      type = types.nullOr (types.text {
        says = "who is told: an https:// URL, or an address";
        pattern = "https://[^[:space:]]+|[^@[:space:]]+@[^@[:space:]]+";
        bytesMax = 512;
      });
      default = null;
      direction = "declared";
      description = "Who is told of alerts, where it is not this host's own Alertmanager.";
    };
    alertRecord = record.option "the last test alert of this host that somebody acknowledged, of kind alert-test";
  };

  rules = [
    {
      id = "IR-01";
      name = "Alerts go to somebody";
      severity = "standard";
      tags = [ "alerts" ];
      evaluate =
        { config, options }:
        let
          manager = attrsAt "services.prometheus.alertmanager.configuration" config;
          receiver = manager.route.receiver or null;
          isRouted =
            isOn "services.prometheus.alertmanager.enable" config
            && isString receiver
            # A receiver of nothing but a name tells nobody.
            && any (entry: (entry.name or null) == receiver && builtins.length (builtins.attrNames entry) > 1) (manager.receivers or [ ]);
        in
        [ (want path (options.alertRoute != null || isRouted) true // { fix = ''${path} = "https://alerts.example.org/hook";''; }) ];
      remediation = "Set compliance.controls.incidentResponse.alertRoute, or a route and a receiver of Alertmanager.";
    }
    {
      id = "IR-02";
      name = "Going back was rehearsed";
      severity = "standard";
      tags = [ "drill" ];
      evaluate = { config, options }: [ (drills.wantRecent config { interval = options.rollbackTestInterval; }) ];
      remediation = "Run a drill on a host of this channel: nixfleet compliance drill start, see docs/compliance/drills.md.";
    }
    {
      id = "IR-03";
      name = "A test alert was acknowledged";
      severity = "strict";
      tags = [ "drill" ];
      check =
        { options, ... }:
        record.check (measureWith "incident/v1") {
          file = options.alertRecord;
          kind = "alert-test";
          maxAgeDays = record.days.${options.rollbackTestInterval};
        };
      remediation = "Send a test alert, have it acknowledged, and let that write compliance.controls.incidentResponse.alertRecord.";
    }
    {
      id = "IR-04";
      name = "The journal can be exported, signed";
      severity = "strict";
      tags = [ "journal" ];
      unmeasured = "An export leaves no record on the host that a probe could read.";
      remediation = "Seal the journal, and export it with the host's signature.";
    }
  ];
}
