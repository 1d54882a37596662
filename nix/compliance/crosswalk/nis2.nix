# Point g (cyber hygiene and training) rests on recitals 49 and 89: what is measured is hygiene, not training.
{
  framework = "nis2";
  title = "Directive (EU) 2022/2555 (NIS2), Article 21(2)";
  version = "2022-12-14";
  source = "https://eur-lex.europa.eu/eli/dir/2022/2555/oj";
  # Of every row that says nothing else. What a control measures is a part of what an article asks for, never all of it.
  relationship = "intersects-with";
  confidence = "medium";

  # Everything that has a line in the coverage table.
  articles = {
    "21(2)(a)" = "risk analysis and security policies";
    "21(2)(b)" = "incident handling";
    "21(2)(c)" = "business continuity, backup, disaster recovery";
    "21(2)(d)" = "supply chain security";
    "21(2)(e)" = "acquisition, development and maintenance, vulnerability handling";
    "21(2)(f)" = "assessing the effectiveness of measures";
    "21(2)(g)" = "cyber hygiene and training";
    "21(2)(h)" = "cryptography and encryption";
    "21(2)(i)" = "human resources, access control, asset management";
    "21(2)(j)" = "multi-factor authentication, secured communication";
  };

  # Control → articles.
  controls = {
    access-control = [ "21(2)(i)" ];
    agent-egress-exemption = [ "21(2)(e)" ];
    asset-inventory = [ "21(2)(i)" ];
    audit-logging = [ "21(2)(b)" ];
    authentication = [ "21(2)(i)" "21(2)(j)" ];
    baseline-hardening = [ "21(2)(e)" "21(2)(g)" ];
    backup-retention = [ "21(2)(c)" ];
    change-management = [ "21(2)(e)" ];
    disaster-recovery = [ "21(2)(c)" ];
    encryption-at-rest = [ "21(2)(h)" ];
    encryption-in-transit = [ "21(2)(e)" "21(2)(h)" ];
    incident-response = [ "21(2)(b)" ];
    key-management = [ "21(2)(h)" ];
    network-segmentation = [ "21(2)(e)" ];
    secure-boot = [ "21(2)(e)" ];
    supply-chain = [ "21(2)(d)" "21(2)(e)" ];
    vulnerability-mgmt = [ "21(2)(e)" ];
    account-hygiene = [ "21(2)(g)" "21(2)(i)" ];
    privilege-escalation = [ "21(2)(i)" ];
    filesystem-hygiene = [ "21(2)(e)" ];
    service-hardening = [ "21(2)(e)" ];
    kernel-build = [ "21(2)(e)" ];
    mandatory-access = [ "21(2)(e)" ];
    integrity-sealing = [ "21(2)(e)" ];
    time-sync = [ "21(2)(b)" ];
    evidence-integrity = [ "21(2)(a)" "21(2)(f)" ];
  };
}
