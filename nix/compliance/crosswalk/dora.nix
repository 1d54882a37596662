# Change and patch management are 9(4)(e) and (f), not 8. Articles 2 to 18 of the technical standards elaborate 9(2), which is cited
# where no nearer point exists.
{
  framework = "dora";
  title = "Regulation (EU) 2022/2554 (DORA)";
  version = "2022-12-14";
  source = "https://eur-lex.europa.eu/eli/reg/2022/2554/oj";
  # Of every row that says nothing else. What a control measures is a part of what an article asks for, never all of it.
  relationship = "intersects-with";
  confidence = "medium";

  # Everything that has a line in the coverage table.
  articles = {
    "6(5)" = "yearly review of the framework";
    "6(6)" = "internal audit";
    "8(1)" = "identifying functions and assets";
    "8(2)" = "identifying risks and vulnerabilities";
    "8(4)" = "identifying information and ICT assets";
    "8(6)" = "inventories";
    "9(2)" = "resilience, continuity, availability, integrity, confidentiality";
    "9(3)(a)" = "security of the means of transfer";
    "9(4)(b)" = "network and infrastructure management";
    "9(4)(c)" = "limits on physical and logical access";
    "9(4)(d)" = "strong authentication, protection of keys";
    "9(4)(e)" = "change management";
    "9(4)(f)" = "patches and updates";
    "10" = "detection";
    "10(2)" = "alert thresholds and mechanisms";
    "11(6)(a)" = "tests of continuity plans";
    "12(1)" = "backup policies";
    "12(2)" = "backup systems";
    "12(6)" = "recovery time and point objectives";
    "17" = "incident management process";
    "25(1)" = "testing of tools and systems";
  };

  # Control → articles.
  controls = {
    access-control = [ "9(4)(c)" ];
    agent-egress-exemption = [ "9(4)(b)" ];
    asset-inventory = [ "8(1)" "8(4)" "8(6)" ];
    audit-logging = [ "9(2)" "10" ];
    authentication = [ "9(4)(d)" ];
    baseline-hardening = [ "9(2)" ];
    backup-retention = [ "12(1)" "12(2)" ];
    change-management = [ "9(4)(e)" ];
    disaster-recovery = [ "11(6)(a)" "12(6)" ];
    encryption-at-rest = [ "9(2)" "9(4)(d)" ];
    encryption-in-transit = [ "9(3)(a)" ];
    incident-response = [ "10(2)" "17" ];
    key-management = [ "9(4)(d)" ];
    network-segmentation = [ "9(4)(b)" ];
    secure-boot = [ "9(2)" ];
    supply-chain = [ "9(2)" ];
    vulnerability-mgmt = [ "8(2)" "9(4)(f)" "25(1)" ];
    account-hygiene = [ "9(4)(c)" ];
    privilege-escalation = [ "9(4)(c)" ];
    filesystem-hygiene = [ "9(2)" ];
    service-hardening = [ "9(2)" ];
    kernel-build = [ "9(2)" ];
    mandatory-access = [ "9(2)" ];
    integrity-sealing = [ "9(2)" ];
    time-sync = [ "9(2)" ];
    evidence-integrity = [ "6(5)" "6(6)" ];
  };
}
