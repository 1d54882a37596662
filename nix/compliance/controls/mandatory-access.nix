# What a program may do is written down outside it.
{ measureWith, checks, ... }:
let
  inherit (checks)
    attrsAt
    isOn
    kernelTokens
    want
    wantOf
    ;
  inherit (builtins) attrNames filter map;

  noSelinux = "Not applicable: NixOS has no SELinux policy and labels nothing in its store, so mandatory access control is AppArmor's here (R37, R45).";
  selinux =
    { id, name, recommendation }:
    {
      inherit id name;
      severity = "paranoid";
      tags = [ "selinux" ];
      articles.anssi-bp028 = [ recommendation ];
      unmeasured = noSelinux;
      remediation = "None on NixOS; a host that needs SELinux needs another system.";
    };

  # A policy of older NixOS has `enforce`, of newer ones `state`.
  isEnforced = policy: (policy.state or (if policy.enforce or false then "enforce" else "complain")) == "enforce";

  measure = measureWith "anssi-bp028/v1";
in
{
  controlId = "mandatory-access";
  optionName = "mandatoryAccess";
  title = "Mandatory access control";
  purpose = "Programs do what their profile allows, also when they are taken over.";
  type = "both";
  schema = "anssi-bp028/v1";

  rules = [
    {
      id = "MA-01";
      name = "AppArmor is on";
      severity = "strict";
      tags = [ "apparmor" ];
      articles.anssi-bp028 = [ "R37" ];
      evaluate =
        { config, ... }:
        [
          (want "security.apparmor.enable" (isOn "security.apparmor.enable" config) true)
          (wantOf {
            option = "boot.kernelParams";
            what = "AppArmor off";
            observed = filter (token: token == "apparmor=0" || token == "security=selinux") (kernelTokens config);
            expect = [ ];
            fix = "take it out of boot.kernelParams";
          })
        ];
      implementations = [ (_: { security.apparmor.enable = true; }) ];
      check =
        _:
        measure {
          name = "apparmor";
          args = [ "--complain" ];
          applicability = "probed";
        };
      remediation = "Set security.apparmor.enable.";
    }
    {
      id = "MA-02";
      name = "Profiles are enforced";
      severity = "strict";
      tags = [ "apparmor" ];
      articles.anssi-bp028 = [ "R45" ];
      evaluate =
        { config, ... }:
        let
          declared = attrsAt "security.apparmor.policies" config;
          used = filter (name: declared.${name}.enable or true && declared.${name}.state or "" != "disable") (attrNames declared);
        in
        [
          (want "security.apparmor.policies" (used != [ ]) true // { fix = "declare a profile for each exposed service"; })
          (wantOf {
            option = "security.apparmor.policies";
            what = "not enforced";
            observed = filter (name: !(isEnforced declared.${name})) used;
            expect = [ ];
            fix = checks.linesFor (name: ''security.apparmor.policies.${checks.attrName name}.state = "enforce";'') (
              filter (name: !(isEnforced declared.${name})) used
            );
          })
        ];
      check = _: measure { name = "apparmor"; applicability = "probed"; };
      remediation = "Declare profiles, and set their state to enforce.";
    }
  ]
  ++ map selinux [
    {
      id = "MA-03";
      name = "SELinux: the targeted policy is enforced";
      recommendation = "R46";
    }
    {
      id = "MA-04";
      name = "SELinux: users are confined";
      recommendation = "R47";
    }
    {
      id = "MA-05";
      name = "SELinux: booleans are set";
      recommendation = "R48";
    }
    {
      id = "MA-06";
      name = "SELinux: tools for debugging are not there";
      recommendation = "R49";
    }
  ];
}
