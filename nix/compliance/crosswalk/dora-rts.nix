{
  framework = "dora-rts";
  title = "Delegated Regulation (EU) 2024/1774, technical standards of DORA";
  version = "2024-03-13";
  source = "https://eur-lex.europa.eu/eli/reg_del/2024/1774/oj";
  # Of every row that says nothing else. What a control measures is a part of what an article asks for, never all of it.
  relationship = "intersects-with";
  confidence = "medium";

  # Everything that has a line in the coverage table.
  articles = {
    "2" = "elements of ICT security policies";
    "3" = "ICT risk management";
    "4" = "ICT asset management policy";
    "5" = "ICT asset management procedure";
    "6" = "encryption and cryptographic controls";
    "7" = "cryptographic key management";
    "8" = "policies and procedures for ICT operations";
    "9" = "capacity and performance";
    "10" = "vulnerability and patch management";
    "11" = "data and system security";
    "12" = "logging";
    "13" = "network security";
    "14" = "information in transit";
    "15" = "ICT project management";
    "16" = "acquisition, development and maintenance of systems";
    "17" = "ICT change management";
    "18" = "physical and environmental security";
    "19" = "human resources";
    "20" = "identity management";
    "21" = "access control";
    "22" = "ICT incident management";
    "23" = "anomalous activities";
    "24" = "ICT business continuity policy";
    "25" = "testing of business continuity plans";
    "26" = "ICT response and recovery plans";
    "27" = "report on the review of the framework";
  };

  # Control → articles.
  controls = {
    access-control = [ "13(l)" "21" ];
    agent-egress-exemption = [ "13(h)" ];
    asset-inventory = [ "4(2)(b)" ];
    audit-logging = [ "12" "23(2)(a)" ];
    authentication = [ "20" "21(f)" ];
    baseline-hardening = [ "11(2)(b)" ];
    backup-retention = [ "8(2)(b)(i)" ];
    change-management = [ "17" ];
    disaster-recovery = [ "8(2)(c)(iii)" "25" ];
    encryption-at-rest = [ "6(2)(a)" ];
    encryption-in-transit = [ "6(2)(a)" "7(4)" "7(5)" "13(e)" "14" ];
    incident-response = [ "22" "23" ];
    key-management = [ "7" ];
    network-segmentation = [ "13(a)" "13(b)" "13(c)" "13(h)" ];
    secure-boot = [ "11(2)(b)" "11(2)(c)" ];
    supply-chain = [ "10(2)(d)" "11(2)(c)" "16(1)(c)" ];
    vulnerability-mgmt = [ "10" ];
    account-hygiene = [ "20" "21" ];
    privilege-escalation = [ "21(a)" "21(e)" ];
    filesystem-hygiene = [ "11(2)(b)" ];
    service-hardening = [ "11(2)(b)" ];
    kernel-build = [ "11(2)(b)" ];
    mandatory-access = [ "11(2)(b)" ];
    integrity-sealing = [ "11(2)(c)" ];
    time-sync = [ "12(2)(f)" ];
    evidence-integrity = [ "11(2)(b)" "27(2)(l)" ];
  };
}
