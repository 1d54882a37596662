# What there is, whose it is, and that it is what was released.
{
  given,
  many,
  measureWith,
  types,
  checks,
  ...
}:
let
  inherit (checks) at want;
  line = {
    type = types.nullOr (types.text {
      says = "a text of 1 to 200 bytes";
      bytesMax = 200;
      test = text: text != "";
    });
    default = null;
    direction = "declared";
  };
  path = "compliance.controls.assetInventory";

  measure = measureWith "inventory/v1";
in
{
  controlId = "asset-inventory";
  optionName = "assetInventory";
  title = "Asset inventory";
  purpose = "Every host is known with its owner, and runs what was released to it.";
  type = "both";
  schema = "inventory/v1";

  options = {
    owner = line // { description = "Who answers for the host."; };
    location = line // { description = "Where it stands: site, rack, provider and region."; };
    criticality = {
      type = types.nullOr (types.oneOf [
        "low"
        "medium"
        "high"
        "critical"
      ]);
      default = null;
      direction = "declared";
      description = "What its loss would mean.";
    };
  };

  rules = [
    {
      id = "AI-01";
      name = "The host is in the fleet, with owner, criticality and location";
      severity = "minimal";
      tags = [ "fleet" ];
      evaluate =
        { config, options }:
        [
          (want "nixfleet.trust.fleet" (at "nixfleet.trust.fleet" config != null) true // {
            fix = "declare the host in the fleet, and give its configuration the trust document";
          })
          (want "${path}.owner" (options.owner != null) true // { fix = ''${path}.owner = "platform team";''; })
          (want "${path}.criticality" (options.criticality != null) true // { fix = ''${path}.criticality = "medium";''; })
          (want "${path}.location" (options.location != null) true // { fix = ''${path}.location = "Paris 2, rack 7";''; })
        ];
      remediation = "Set owner, criticality and location under compliance.controls.assetInventory.";
    }
    {
      id = "AI-02";
      name = "What the host is made of is recorded";
      severity = "standard";
      check =
        { config, ... }:
        measure {
          name = "inventory";
          args = given "--host" (at "networking.hostName" config);
        };
      remediation = "Run the collector as its unit does, so that it may read machine-id, DMI, interfaces and units.";
    }
    {
      id = "AI-03";
      name = "What runs was released to this host";
      severity = "standard";
      tags = [ "fleet" ];
      check =
        _:
        measure {
          name = "closure";
          args = many "--look" [ "system" "profile" "units" ];
        };
      remediation = "Deploy by a release, and remove units that are not from the closure.";
    }
  ];
}
