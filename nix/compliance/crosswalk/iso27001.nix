# Numbers of the edition of 2022. A.10, A.12 and A.15 were the edition of 2013.
{
  framework = "iso27001";
  title = "ISO/IEC 27001:2022, Annex A";
  version = "2022";
  source = "https://www.iso.org/standard/27001";
  # Of every row that says nothing else. What a control measures is a part of what an article asks for, never all of it.
  relationship = "intersects-with";
  confidence = "medium";

  # Everything that has a line in the coverage table.
  articles =
    let
      themes = {
        "A.5" = 37;
        "A.6" = 8;
        "A.7" = 14;
        "A.8" = 34;
      };
      ids = theme: builtins.genList (n: "${theme}.${toString (n + 1)}") themes.${theme};
    in
    builtins.listToAttrs (
      map (name: {
        inherit name;
        # The standard's titles are not ours to print.
        value = "";
      }) (builtins.concatMap ids (builtins.attrNames themes))
    );

  # Control → articles.
  controls = {
    access-control = [ "A.5.15" "A.5.18" "A.8.2" "A.8.5" ];
    agent-egress-exemption = [ "A.8.20" ];
    asset-inventory = [ "A.5.9" ];
    audit-logging = [ "A.8.15" "A.8.16" ];
    authentication = [ "A.5.16" "A.8.5" ];
    baseline-hardening = [ "A.8.9" ];
    backup-retention = [ "A.8.13" ];
    change-management = [ "A.8.32" ];
    disaster-recovery = [ "A.5.30" ];
    encryption-at-rest = [ "A.8.24" ];
    encryption-in-transit = [ "A.8.20" "A.8.24" ];
    incident-response = [ "A.5.24" "A.5.26" "A.5.28" ];
    key-management = [ "A.8.24" ];
    network-segmentation = [ "A.8.20" "A.8.22" ];
    secure-boot = [ "A.8.9" ];
    supply-chain = [ "A.5.21" "A.8.19" ];
    vulnerability-mgmt = [ "A.8.8" ];
    account-hygiene = [ "A.5.16" "A.5.17" ];
    privilege-escalation = [ "A.8.2" "A.8.18" ];
    filesystem-hygiene = [ "A.8.3" "A.8.9" ];
    service-hardening = [ "A.8.9" ];
    kernel-build = [ "A.8.9" ];
    mandatory-access = [ "A.8.3" "A.8.9" ];
    integrity-sealing = [ "A.8.19" ];
    time-sync = [ "A.8.17" ];
    evidence-integrity = [ "A.5.33" "A.5.36" ];
  };
}
