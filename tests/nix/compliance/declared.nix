# A configuration in which something is declared for every rule that asks for it, as far as probes read it.
{
  networking.hostName = "web-1";
  users.users.ada = { isNormalUser = true; openssh.authorizedKeys.keys = [ "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1 ada" ]; };
  services.openssh.ports = [ 22 ];
  services.postfix.enable = true;
  services.nixfleet-agent = { enable = true; key = "/etc/ssh/ssh_host_ed25519_key"; substituters = [ "https://c.example" ]; };
  services.restic.backups.main = { repository = "x"; };
  security.audit.rules = [ "-w /etc/passwd -p wa" ];
  age.secrets.db = { path = "/run/agenix/db"; owner = "root"; group = "root"; mode = "0400"; };
  hardware.cpu.intel.updateMicrocode = true;
  compliance.evidence.collector = { outputDir = "/var/lib/nixfleet-compliance"; collectIntervalSeconds = 3600; key = "/etc/ssh/ssh_host_ed25519_key"; };
  compliance.controls = {
    accessControl.administrators = [ "ada" ];
    authentication.mfaRequired = true;
    agentEgressExemption.endpoint = { host = "control.example"; port = 443; protocol = "tcp"; };
    auditLogging = { forwardTo = "https://logs.example"; markerRecord = "/var/lib/marker.json"; };
    incidentResponse.alertRecord = "/var/lib/alert.json";
    encryptionInTransit.listeners.web = { port = 443; minTlsVersion = "1.2"; address = "127.0.0.1"; serverName = "web.example"; };
    networkSegmentation = { flows = [ { port = 22; to = null; protocol = "tcp"; reason = "x"; } { port = 60000; to = 61000; protocol = "udp"; reason = "x"; } ]; adminNetworks = [ "10.0.0.0/8" ]; expectedVlans = [ "eth0.7" ]; };
    secureBoot = { requireSecureBoot = true; platformKeys = [ "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff" ]; };
    keyManagement = { luksSlots = 2; certificateFiles = [ "/etc/tls/soon.crt" ]; registeredCertificates = [ "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff" ]; };
    backupRetention = { snapshotReports = [ "/var/lib/snapshots.json" ]; restoreRecord = "/var/lib/restore.json"; };
    serviceHardening.exposedUnits = [ "nginx" ];
    syntheticAlwaysFail = { failAt = "runtime"; until = 1780300800; hosts = [ "web-1" ]; };
  };
}
