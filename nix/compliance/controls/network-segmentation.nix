# Only what is declared can be reached, from where it is declared.
{
  many,
  measureWith,
  types,
  checks,
  ...
}:
let
  inherit (checks)
    attrsAt
    isOn
    listAt
    want
    wantOf
    ;
  inherit (builtins)
    any
    attrValues
    concatMap
    filter
    map
    toString
    ;

  path = "compliance.controls.networkSegmentation.flows";

  flow = types.record {
    title = "flow";
    rules = [
      {
        holds = value: value.to == null || value.to >= value.port;
        rule = "a range ends where it begins, or after";
        fix = "swap port and to";
      }
    ];
    options = {
      port = {
        type = types.int {
          min = 1;
          max = 65535;
        };
        description = "The port, or the first of several.";
      };
      to = {
        type = types.nullOr (types.int {
          min = 1;
          max = 65535;
        });
        default = null;
        description = "The last of several.";
      };
      protocol = {
        type = types.oneOf [
          "tcp"
          "udp"
        ];
        default = "tcp";
        description = "The protocol.";
      };
      reason = {
        type = types.text {
          says = "what it is for";
          bytesMax = 200;
          test = text: text != "";
        };
        description = "For people.";
      };
    };
  };

  lastOf = range: if (range.to or null) == null then range.port or range.from else range.to;
  firstOf = range: range.port or range.from;

  # What the firewall lets in: everywhere, and on single interfaces.
  opened =
    config:
    let
      scopes = [ (attrsAt "networking.firewall" config) ] ++ attrValues (attrsAt "networking.firewall.interfaces" config);
      ports =
        protocol: single: ranges:
        concatMap (
          scope:
          map (port: { inherit protocol; from = port; to = port; }) (scope.${single} or [ ])
          ++ map (range: { inherit protocol; inherit (range) from to; }) (scope.${ranges} or [ ])
        ) scopes;
    in
    ports "tcp" "allowedTCPPorts" "allowedTCPPortRanges" ++ ports "udp" "allowedUDPPorts" "allowedUDPPortRanges";

  covers =
    wide: narrow:
    wide.protocol == narrow.protocol && firstOf wide <= firstOf narrow && lastOf wide >= lastOf narrow;
  shown = range: "${range.protocol} ${toString (firstOf range)}${if lastOf range == firstOf range then "" else "-${toString (lastOf range)}"}";

  measure = measureWith "network/v1";
  # As the probes write it: tcp/22, udp/60000-61000.
  flowOf =
    entry: "${entry.protocol}/${toString entry.port}${if entry.to == null then "" else "-${toString entry.to}"}";
in
{
  controlId = "network-segmentation";
  optionName = "networkSegmentation";
  title = "Network segmentation";
  purpose = "The host answers on declared ports, to declared networks.";
  type = "both";
  schema = "network/v1";

  options = {
    requireFirewall = {
      type = types.bool;
      default = true;
      direction = "any";
      description = "The host has a firewall of its own.";
    };
    flows = {
      type = types.listOf {
        of = flow;
        max = 256;
      };
      default = [ ];
      direction = "declared";
      description = "What may be reached from outside.";
    };
    expectedVlans = {
      type = types.listOf {
        of = types.text {
          says = "the name of an interface";
          pattern = "[A-Za-z0-9._-]{1,15}";
          bytesMax = 15;
        };
        max = 256;
        isSet = true;
      };
      default = [ ];
      direction = "declared";
      description = "VLANs and bridges that there must be.";
    };
    adminNetworks = {
      type = types.listOf {
        of = types.text {
          says = "a network such as 10.0.0.0/24";
          pattern = "[0-9a-fA-F.:]+/[0-9]{1,3}";
          bytesMax = 49;
        };
        max = 64;
        isSet = true;
      };
      default = [ ];
      direction = "declared";
      description = "Where the host may be administered from.";
    };
  };

  rules = [
    {
      id = "NS-01";
      name = "The firewall is on, and opens what is declared";
      severity = "minimal";
      tags = [
        "network"
        "firewall"
      ];
      articles.anssi-bp028 = [ "R80" ];
      evaluate =
        { config, options }:
        let
          open = opened config;
          flows = options.flows;
        in
        [
          (want "networking.firewall.enable" (!options.requireFirewall || isOn "networking.firewall.enable" config) true)
          (wantOf {
            option = "networking.firewall.allowedTCPPorts";
            what = "open, and not declared";
            observed = map shown (filter (range: !(any (entry: covers entry range) flows)) open);
            expect = [ ];
            # Only a person knows the reason.
            fix = checks.linesFor (
              range:
              let
                to = if lastOf range == firstOf range then "" else "to = ${toString (lastOf range)}; ";
              in
              "${path} = [ { port = ${toString (firstOf range)}; ${to}protocol = \"${range.protocol}\"; reason = \"…\"; } ]; # or close it"
            ) (filter (range: !(any (entry: covers entry range) flows)) open);
          })
          (wantOf {
            option = path;
            what = "declared, and not open";
            observed = map shown (filter (entry: !(any (range: covers range entry) open)) flows);
            expect = [ ];
            fix = checks.linesFor (
              entry:
              let
                option = "networking.firewall.allowed${if entry.protocol == "tcp" then "TCP" else "UDP"}Port";
              in
              if lastOf entry == firstOf entry then
                "${option}s = [ ${toString entry.port} ]; # or take the flow out"
              else
                "${option}Ranges = [ { from = ${toString entry.port}; to = ${toString (lastOf entry)}; } ]; # or take the flow out"
            ) (filter (entry: !(any (range: covers range entry) open)) flows);
          })
          (want "networking.firewall.trustedInterfaces" (listAt "networking.firewall.trustedInterfaces" config) {
            "$subset" = [ "lo" ];
          })
        ];
      implementations = [
        (
          { options, ... }:
          {
            _when = options.requireFirewall;
            networking.firewall.enable = true;
          }
        )
      ];
      check =
        { options, ... }:
        if options.requireFirewall then
          measure {
            name = "firewall";
            args = if options.flows == [ ] then [ "--no-flow" ] else many "--flow" (map flowOf options.flows);
          }
        else
          null;
      remediation = "Declare flows in compliance.controls.networkSegmentation.flows, and open exactly those.";
    }
    {
      id = "NS-02";
      name = "Nothing else listens";
      severity = "minimal";
      tags = [ "network" ];
      articles.anssi-bp028 = [ "R80" ];
      check =
        { options, ... }:
        measure {
          name = "listening";
          args = many "--flow" (map flowOf options.flows);
        };
      remediation = "Stop what listens without being declared, or bind it to the loopback interface.";
    }
    {
      id = "NS-03";
      name = "VLANs and bridges are as declared";
      severity = "strict";
      tags = [ "network" ];
      articles.anssi-bp028 = [ "R78" ];
      check =
        { options, ... }:
        if options.expectedVlans == [ ] then
          null
        else
          measure {
            name = "network-devices";
            args = many "--device" options.expectedVlans;
            privilege = "user";
          };
      remediation = "Correct networking.vlans and networking.bridges, or expectedVlans.";
    }
    {
      id = "NS-04";
      name = "The host is administered from the admin zone only";
      severity = "strict";
      tags = [ "network" ];
      articles.anssi-bp028 = [ "R78" ];
      check =
        { config, options }:
        let
          ports = map toString (listAt "services.openssh.ports" config);
        in
        if options.adminNetworks == [ ] || ports == [ ] then
          null
        else
          measure {
            name = "firewall";
            args = many "--only" (concatMap (port: map (network: "tcp/${port}=${network}") options.adminNetworks) ports);
          };
      remediation = "Let the management port be reached from adminNetworks only.";
    }
  ];
}
