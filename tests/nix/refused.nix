# Fleets that mkFleet refuses, by what is wrong with them. The messages are in refused.json.
let
  inherit ((import ../..).lib) mergeFleets mkFleet;
  keys = import ./keys.nix;

  host = key: {
    system = "x86_64-linux";
    channel = "stable";
    pubkeys = [ key ];
    configuration = { };
  };
  # A fleet that is right, and `with` changed.
  base = {
    name = "acme";
    hosts = {
      web-1 = host keys.web-1;
      web-2 = host keys.web-2;
      db-1 = host keys.db-1 // { channel = "databases"; };
    };
    channels.stable.rolloutPolicy = "plain";
    channels.databases.rolloutPolicy = "plain";
    rolloutPolicies.plain = { };
  };
  refused = change: (mkFleet (base // change)).resolved;
  onHost = change: refused { hosts = base.hosts // { web-1 = base.hosts.web-1 // change; }; };
  onChannel = change: refused { channels = base.channels // { stable = base.channels.stable // change; }; };
  onWindow = window: onChannel { windows = [ ({ durationMinutes = 60; timezone = "Europe/Paris"; } // window) ]; };
  onPolicy = change: refused { rolloutPolicies.plain = change; };
  onSelector = selector: onPolicy { waves = [ { inherit selector; } ]; };
  check = value: refused { healthChecks.probe = value; };
  edge = gated: gates: { inherit gated gates; };
  storePath = "/nix/store/8ab4c1qzm6yq5c1a5hyhx0kqv8f2q5yk-nixos-system-web-1";
  pin = digit: {
    commit = builtins.concatStringsSep "" (builtins.genList (_: digit) 40);
    reason = "pinned";
  };
in
{
  sound = refused { };

  notAttributes = (mkFleet [ ]).resolved;
  nothing = (mkFleet { }).resolved;
  unknownOption = refused { host = { }; };
  badFleetName = refused { name = "Acme!"; };

  badHostName = refused { hosts = base.hosts // { "web_9" = host keys.spare; }; };
  missingConfiguration = refused { hosts.web-9 = removeAttrs (host keys.spare) [ "configuration" ]; };
  unknownHostOption = onHost { pubkey = keys.spare; };
  badSystem = onHost { system = "x86-64-linux"; };
  unknownChannel = onHost { channel = "stabel"; };
  repeatedTag = onHost { tags = [ "web" "eu" "web" ]; };
  noKey = onHost { pubkeys = [ ]; };
  rsaKey = onHost { pubkeys = [ "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQ root@web-1" ]; };
  truncatedKey = onHost { pubkeys = [ (builtins.substring 0 70 keys.web-1) ]; };
  repeatedKey = refused {
    hosts = base.hosts // { web-2 = host "${keys.web-1} again"; };
  };
  operatorWithHostKey = refused { operators.ada.pubkeys = [ keys.db-1 ]; };

  agentWithoutPlace = refused { agent.trust = ./refused.nix; };
  agentWithPassword = refused {
    agent = { trust = ./refused.nix; controlPlanes = [ "https://ada:secret@control.example.org" ]; };
  };
  agentWithUnknownMirror = refused {
    agent = { trust = ./refused.nix; mirrors = [ { kind = "ftp"; url = "ftp://example.org"; } ]; };
  };

  missingPolicy = refused { channels.stable = { }; };
  unknownPolicy = onChannel { rolloutPolicy = "canary"; };
  badMode = onChannel { mode = "observer"; };
  badConfirm = onChannel { confirm.timeoutSeconds = 1; };
  fractionalTimeout = onChannel { activationTimeoutSeconds = 1.5; };
  retriesOutOfOrder = onChannel { unconfirmedRetrySeconds = 600; unconfirmedRetryMaxSeconds = 60; };
  timedAndNotLocal = onChannel { withoutControlPlane = "timed"; };
  gateWithoutFrameworks = onChannel { compliance.mode = "enforce"; };
  unknownFramework = onChannel { compliance = { mode = "enforce"; frameworks = [ "nis2" "iso2701" ]; }; };
  unknownFrameworks = refused {
    complianceFrameworks = [ "in-house" ];
    compliance = { mode = "permissive"; frameworks = [ "nis2" ]; };
    tags.web.healthChecks.probe = { kind = "evidence"; framework = "dora"; };
    hosts = base.hosts // { web-1 = base.hosts.web-1 // { compliance = { mode = "enforce"; frameworks = [ "in-hose" ]; }; }; };
  };
  complianceConflict = refused {
    hosts = base.hosts // { web-1 = host keys.web-1 // { tags = [ "a" "b" "c" ]; }; };
    tags.a.compliance = { mode = "enforce"; frameworks = [ "nis2" ]; };
    tags.c.compliance = { mode = "enforce"; frameworks = [ "dora" ]; };
  };
  noSigners = onChannel { signersMin = 0; };
  badInstant = onChannel {
    freezes = [ { from = "2026-02-29T00:00:00Z"; to = "2026-03-02T00:00:00Z"; reason = "no leap year"; } ];
  };
  backwardsFreeze = onChannel {
    freezes = [ { from = "2026-03-02T00:00:00Z"; to = "2026-03-01T00:00:00Z"; reason = "backwards"; } ];
  };
  freezeWithoutTimezone = onChannel {
    freezes = [ { from = "2026-12-23T18:00"; to = "2027-01-04T08:00"; reason = "whose clock?"; } ];
  };
  instantsWithTimezone = onChannel {
    freezes = [ { from = "2026-12-23T18:00:00Z"; to = "2027-01-04T08:00:00Z"; timezone = "UTC"; reason = "which?"; } ];
  };
  freezeWithoutReason = onChannel {
    freezes = [ { from = "2026-12-23T18:00"; to = "2027-01-04T08:00"; timezone = "UTC"; } ];
  };
  noWindows = onChannel { windows = [ ]; };
  badWindow = onWindow { days = [ "monday" ]; start = "22h"; timezone = "Europe/"; };
  windowWithoutStart = onWindow { days = [ "mon" ]; };
  windowOfBoth = onWindow { start = "22:00"; cron = "0 22 * * *"; };
  cronWithDays = onWindow { days = [ "mon" ]; cron = "0 22 * * *"; };
  windowTooLong = onWindow { start = "22:00"; durationMinutes = 10081; };
  cronOfFour = onWindow { cron = "0 22 * *"; };
  cronHour = onWindow { cron = "0 24 * * *"; };
  cronName = onWindow { cron = "0 22 * * mon-fry"; };
  cronBackwards = onWindow { cron = "0 22 * * fri-mon"; };
  cronEmptyPart = onWindow { cron = "0 22,, * * *"; };
  cronLooseStep = onWindow { cron = "5/10 22 * * *"; };
  cronZeroStep = onWindow { cron = "*/0 22 * * *"; };
  cronBothDays = onWindow { cron = "0 22 1-7 * tue"; };
  cronTooOften = onWindow { cron = "*/5 * * * *"; };
  cronIsList = onWindow { cron = [ 0 22 ]; };
  shortPin = onChannel { pin = { commit = "8b3f0c2"; reason = "short"; }; };

  pinOfBoth = onChannel { pin = pin "a" // { closure = storePath; }; };
  pinOfNothing = onChannel { pin = { reason = "to what?"; }; };
  pinBelowStorePath = onHost { pin = { closure = "${storePath}/bin/init"; reason = "not a toplevel"; }; };
  pinWithoutReason = onHost { pin = { closure = storePath; }; };

  twoSoaks = onPolicy { rest = { soakMinutes = 1; soakSeconds = 60; }; };
  emptyMaxFailures = onPolicy { maxFailures = { }; };
  percentTooHigh = onPolicy { waves = [ { percent = 10; promoteWhen.convergedPercent = 101; } ]; };
  waveWithoutSelector = onPolicy { waves = [ { soakMinutes = 1; } ]; };

  waveOfTwo = onPolicy { waves = [ { selector.all = true; percent = 10; } ]; };
  percentOver100 = onPolicy { waves = [ { percent = 60; } { size = 1; } { percent = 41; } ]; };
  percentZero = onPolicy { waves = [ { percent = 0; } ]; };
  sizeZero = onPolicy { waves = [ { size = 0; } ]; };
  badStrategy = onPolicy { strategy = "stage"; };
  wavesAllAtOnce = onPolicy { strategy = "all-at-once"; waves = [ { size = 1; } ]; };
  twoCanaries = onPolicy { strategy = "canary"; waves = [ { size = 1; } { size = 5; } ]; };

  emptySelector = onSelector { };
  allFalse = onSelector { all = false; };
  emptyTags = onSelector { tags = [ ]; };
  emptyNestedSelector = onSelector { not = { or = [ { } ]; }; };
  selectorOfUnknownHost = onSelector { and = [ { all = true; } { not.hosts = [ "web-1" "web-7x" ]; } ]; };
  selectorOfUnknownChannel = onSelector { channel = "database"; };
  selectorIsList = onSelector [ "web-1" ];

  edgeToNobody = refused { edges = [ (edge "web-1" "nobody") ]; };
  edgeAcrossChannels = refused { edges = [ (edge "web-1" "db-1") ]; };
  edgeCycle = refused { edges = [ (edge "web-1" "web-2") (edge "web-2" "web-1") ]; };
  edgeToItself = refused { edges = [ (edge "web-1" "web-1") ]; };
  edgeAgainstWaves = refused {
    edges = [ (edge "web-1" "web-2") ];
    rolloutPolicies.plain.waves = [ { selector.hosts = [ "web-1" ]; } ];
  };
  channelEdgeToNobody = refused { channelEdges = [ (edge "stable" "beta") ]; };
  channelEdgeCycle = refused { channelEdges = [ (edge "stable" "databases") (edge "databases" "stable") ]; };
  # Waits for the cycle without being in it.
  channelEdgeIntoCycle = refused {
    channels = base.channels // { a-first.rolloutPolicy = "plain"; };
    channelEdges = [ (edge "a-first" "stable") (edge "stable" "databases") (edge "databases" "stable") ];
  };

  budgetWithoutLimit = refused { disruptionBudgets = [ { name = "web"; selector.all = true; } ]; };
  repeatedBudget = refused {
    disruptionBudgets = [
      { name = "web"; selector.all = true; maxInFlight = 1; }
      { name = "web"; selector.all = true; maxInFlight = 2; }
    ];
  };

  pinConflict = refused {
    hosts = base.hosts // { web-1 = host keys.web-1 // { tags = [ "a" "b" ]; }; };
    tags = { a.pin = pin "a"; b.pin = pin "b"; };
  };
  healthCheckConflict = refused {
    hosts = base.hosts // { web-1 = host keys.web-1 // { tags = [ "a" "b" ]; }; };
    tags.a.healthChecks.port = { kind = "tcp"; port = 80; };
    tags.b.healthChecks.port = { kind = "tcp"; port = 81; };
  };
  tooManyHealthChecks = refused {
    healthChecks = builtins.listToAttrs (
      builtins.genList (n: { name = "port-${toString n}"; value = { kind = "tcp"; port = n + 1; }; }) 65
    );
  };
  checkWithoutKind = check { url = "http://127.0.0.1/"; };
  checkOfUnknownKind = check { kind = "https"; url = "https://127.0.0.1/"; };
  httpWithoutUrl = check { kind = "http"; };
  httpWithBadUrl = check { kind = "http"; url = "ftp://127.0.0.1/"; };
  httpPortTooHigh = check { kind = "http"; url = "http://127.0.0.1:65536/"; };
  tcpWithoutPort = check { kind = "tcp"; };
  tcpPortZero = check { kind = "tcp"; port = 0; };
  tcpWithUrl = check { kind = "tcp"; port = 80; url = "http://127.0.0.1/"; };
  execAsText = check { kind = "exec"; command = "true"; };
  systemdUnitsAsText = check { kind = "systemd"; units = "nginx.service"; };
  evidenceOfNothing = check { kind = "evidence"; };
  evidenceOfBoth = check { kind = "evidence"; framework = "nis2"; controls = [ "access-control" ]; };

  conflictingFiles = (mkFleet { imports = [ ./split/fleet.nix ./split/mistaken.nix ]; }).resolved;
  conflictingFleets = (mergeFleets [
    (base // { operators.ada.pubkeys = [ keys.ada ]; })
    { name = "acme"; operators.ada.pubkeys = [ keys.bob ]; channels.stable.rolloutPolicy = "plain"; }
  ]).resolved;
  importOfNothing = refused { imports = [ 1 ({ lib }: "hosts") ]; };
  importsAsPath = refused { imports = ./split/policies.nix; };
  importOfItself = (mkFleet ./split/itself.nix).resolved;

  # One message for all of it, schema and names alike.
  manyAtOnce = (mkFleet {
    name = "acme";
    hosts = {
      web-1 = host keys.web-1 // { channel = "stabel"; tags = [ 1 "web" ]; };
      web-2 = removeAttrs (host keys.web-2) [ "system" ];
    };
    channels.stable = { rolloutPolicy = "plain"; reboot = "sometimes"; };
    rolloutPolicies.plain.waves = [ { selector.hosts = [ "web-2" ]; } { selector = { }; } ];
    edges = [ (edge "web-2" "web-3") ];
  }).resolved;

  drillOfNobody = refused { drill = { failAt = "runtime"; until = 1780300800; hosts = [ "web-9" ]; }; };
  drillOfTwoChannels = refused { drill = { failAt = "runtime"; until = 1780300800; hosts = [ "web-1" "db-1" ]; }; };
  drillWithoutGate = refused { drill = { failAt = "runtime"; until = 1780300800; hosts = [ "web-1" ]; }; };
  drillWithoutEnd = refused { drill = { failAt = "runtime"; hosts = [ "web-1" ]; }; };
}
