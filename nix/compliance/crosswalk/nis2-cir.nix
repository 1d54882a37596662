# Binds DNS, TLD, cloud, data-centre, CDN, managed-service, marketplace, search, social-network and trust providers only; others
# follow national law.
{
  framework = "nis2-cir";
  title = "Implementing Regulation (EU) 2024/2690, annex";
  version = "2024-10-17";
  source = "https://eur-lex.europa.eu/eli/reg_impl/2024/2690/oj";
  # Of every row that says nothing else. What a control measures is a part of what an article asks for, never all of it.
  relationship = "intersects-with";
  confidence = "medium";

  # Everything that has a line in the coverage table.
  articles = {
    "1" = "policy on the security of network and information systems";
    "2" = "risk management policy";
    "3" = "incident handling";
    "4" = "business continuity and crisis management";
    "5" = "supply chain security";
    "6" = "acquisition, development and maintenance";
    "7" = "effectiveness of measures";
    "8" = "cyber hygiene and training";
    "9" = "cryptography";
    "10" = "human resources security";
    "11" = "access control";
    "12" = "asset management";
    "13" = "environmental and physical security";
  };

  # Control → articles.
  controls = {
    access-control = [ "11.1" "11.2" "11.3" "11.6.2(d)" "11.6.2(e)" ];
    agent-egress-exemption = [ "6.7.2(c)" ];
    asset-inventory = [ "12.4" ];
    audit-logging = [ "3.2" ];
    authentication = [ "11.5" "11.6" "11.7" ];
    baseline-hardening = [ "6.3" ];
    backup-retention = [ "4.2" ];
    change-management = [ "6.4" ];
    disaster-recovery = [ "4.1" "4.2.6" ];
    encryption-at-rest = [ "9.2(a)" ];
    encryption-in-transit = [ "6.7.2(i)" "9.2(a)" "9.2(b)" ];
    incident-response = [ "3.2.4" "3.5" ];
    key-management = [ "9.2(c)" ];
    network-segmentation = [ "6.7.2(b)" "6.7.2(c)" "6.8" ];
    secure-boot = [ "6.3" "6.9" ];
    supply-chain = [ "6.1.2(c)" "6.6.1(c)" ];
    vulnerability-mgmt = [ "6.6" "6.10" ];
    account-hygiene = [ "11.5" "11.6" ];
    privilege-escalation = [ "11.3" ];
    filesystem-hygiene = [ "6.3" ];
    service-hardening = [ "6.3" "6.7.2(f)" ];
    kernel-build = [ "6.3" ];
    mandatory-access = [ "6.3" ];
    integrity-sealing = [ "6.9" ];
    time-sync = [ "3.2.6" ];
    evidence-integrity = [ "2.2" "7" ];
  };
}
