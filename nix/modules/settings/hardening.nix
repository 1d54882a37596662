# What a service is given that needs its state directory, its credentials and the network, and nothing else. Memory that is
# both written and executed stays allowed: Node compiles what it runs.
{
  UMask = "0077";
  NoNewPrivileges = true;
  ProtectSystem = "strict";
  ProtectHome = true;
  ProtectClock = true;
  ProtectHostname = true;
  ProtectKernelLogs = true;
  ProtectKernelModules = true;
  ProtectKernelTunables = true;
  ProtectControlGroups = true;
  ProtectProc = "invisible";
  PrivateTmp = true;
  PrivateDevices = true;
  PrivateMounts = true;
  RemoveIPC = true;
  LockPersonality = true;
  RestrictNamespaces = true;
  RestrictRealtime = true;
  RestrictSUIDSGID = true;
  RestrictAddressFamilies = [
    "AF_INET"
    "AF_INET6"
    "AF_UNIX"
  ];
  SystemCallArchitectures = "native";
  SystemCallFilter = [
    "@system-service"
    "~@privileged"
  ];
  # Refused, not killed: Node asks for more file descriptors when it starts, and goes on without.
  SystemCallErrorNumber = "EPERM";
  CapabilityBoundingSet = "";
}
