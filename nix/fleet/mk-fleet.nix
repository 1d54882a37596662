# mkFleet: options → { resolved, toplevels, hosts, nixosConfigurations, darwinConfigurations, warnings,
# hostWarnings }. Nothing comes out unless everything was right. The options may be in a file, a function of { lib, fleet },
# or split by `imports` over several of either.
input:
let
  inherit (builtins)
    attrNames
    concatLists
    concatMap
    filter
    groupBy
    isAttrs
    listToAttrs
    map
    mapAttrs
    match
    removeAttrs
    ;

  lib = import ../lib;
  inherit (lib.attrs) dropNulls filterAttrs;
  inherit (lib.lists) indexedMap toSet;

  types = import ./types.nix;
  scalars = import ./scalars.nix { inherit lib types; };
  selectors = import ./selectors.nix { inherit lib; };
  scopes = import ./scopes.nix { inherit lib; };
  cron = import ./cron.nix { inherit lib; };
  cycles = import ./cycles.nix { inherit lib; };
  waves = import ./waves.nix { inherit lib selectors; };
  invariants = import ./invariants.nix {
    inherit
      lib
      selectors
      scopes
      cycles
      ;
  };
  inherit (import ./problems.nix { inherit lib; }) message;

  schema = import ./schema.nix { inherit lib types scalars; };

  merge = import ./merge.nix {
    inherit lib schema;
    # `fleet`: what is returned here. A file may use it in a configuration, not to decide which hosts there are.
    arguments = {
      lib = import ../.;
      fleet = result;
    };
  };
  gathered = merge.gather input;
  whole = merge.merge gathered.parts;
  inherit (whole) options;

  checked = (import ./check.nix { inherit lib types; }).check {
    type = schema;
    path = "";
    value = options;
  };

  given = if isAttrs options then options else { };
  fallback = {
    agent = null;
    hosts = { };
    tags = { };
    channels = { };
    rolloutPolicies = { };
    edges = [ ];
    channelEdges = [ ];
    disruptionBudgets = [ ];
    healthChecks = { };
    operators = { };
    compliance = {
      mode = "disabled";
      frameworks = [ ];
      onDrift = null;
      presets = { };
      frameworkModes = { };
      controls = { };
      waiver = null;
    };
    complianceFrameworks = [ ];
    drill = null;
    release = { };
  };
  withStrippedKeys = mapAttrs (_: entry: entry // { pubkeys = map invariants.strippedKey entry.pubkeys; });
  accepted = if checked.usable then checked.value else fallback // (checked.partial or { });
  fleet = accepted // {
    hosts = withStrippedKeys accepted.hosts;
    operators = withStrippedKeys accepted.operators;
  };

  # First what each option and the names say; then what only resolved waves show.
  problems =
    let
      first =
        gathered.problems
        ++ whole.problems
        ++ checked.problems
        ++ invariants.problems {
          inherit fleet;
          declared = invariants.declaredNames given;
        };
    in
    map (problem: { origin = whole.originOf problem.path; } // problem) (
      if first != [ ] then first else invariants.waveProblems { inherit fleet waveOf; }
    );

  orThrow = value: if problems == [ ] then value else throw (message (given.name or null) problems);

  # By name, in byte order: what selectors resolve to is in this order too.
  selectable = map (name: {
    inherit name;
    inherit (fleet.hosts.${name}) channel;
    tagSet = toSet fleet.hosts.${name}.tags;
  }) (attrNames fleet.hosts);
  byChannel = groupBy (host: host.channel) selectable;

  channelWaves = mapAttrs (
    name: channel:
    waves.resolveWaves {
      channel = name;
      policy = fleet.rolloutPolicies.${channel.rolloutPolicy};
      hosts = byChannel.${name} or [ ];
    }
  ) fleet.channels;

  waveOf = listToAttrs (
    concatMap (
      channel:
      concatLists (
        indexedMap (
          index: wave:
          map (name: {
            inherit name;
            value = index;
          }) wave.hosts
        ) channelWaves.${channel}.waves
      )
    ) (attrNames channelWaves)
  );

  resolvedHost =
    host:
    let
      pins = scopes.pinsOf fleet host;
    in
    dropNulls {
      inherit (host)
        system
        channel
        tags
        pubkeys
        ;
      healthChecks = scopes.healthChecksOf fleet host;
      compliance = scopes.signedPolicy (scopes.complianceOf fleet host);
      pin = if pins == [ ] then null else builtins.head pins;
      widerPins = if builtins.length pins < 2 then null else builtins.tail pins;
    };

  resolvedChannel =
    name: channel:
    let
      policy = fleet.rolloutPolicies.${channel.rolloutPolicy};
    in
    {
      inherit (channel) description rolloutPolicy signersMin;
      inherit (channelWaves.${name}) waves;
      policy = {
        inherit (channel)
          mode
          confirm
          activationTimeoutSeconds
          onNewRelease
          unconfirmedRetrySeconds
          unconfirmedRetryMaxSeconds
          reboot
          withoutControlPlane
          fetchesMax
          ;
        # Left out where nothing was ever asked for.
        ${if channel.reboots == 0 then null else "reboots"} = channel.reboots;
        ${if channel.drift == "report" then null else "drift"} = channel.drift;
        inherit (policy) onFailedUnits onHealthFailure;
        maxFailures = dropNulls policy.maxFailures;
        offlineGraceSeconds = channel.offline.graceSeconds;
        compliance = scopes.signedPolicy (if channel.compliance == null then fleet.compliance else channel.compliance);
      };
      # As declared: a release resolves them to UTC, for which Nix has neither clock nor time zones.
      windows = if channel.windows == null then null else map windowRule channel.windows;
      freezes = map dropNulls channel.freezes;
    };

  windowRule =
    window:
    dropNulls {
      inherit (window) durationMinutes timezone;
      inherit
        (
          if window.cron != null then
            cron.parse window.cron
          else
            {
              inherit (window) days daysOfMonth months;
              starts = [ window.start ];
            }
        )
        days
        daysOfMonth
        months
        starts
        ;
    };

  resolvedBudget =
    budget:
    dropNulls (
      removeAttrs budget [ "selector" ]
      // {
        hosts = map (host: host.name) (filter (selectors.predicate budget.selector) selectable);
      }
    );

  resolved = {
    type = "fleet";
    fleet = fleet.name;
    schemaVersion = 1;
    hosts = mapAttrs (_: resolvedHost) fleet.hosts;
    channels = mapAttrs resolvedChannel fleet.channels;
    edges = map dropNulls fleet.edges;
    channelEdges = map dropNulls fleet.channelEdges;
    disruptionBudgets = map resolvedBudget fleet.disruptionBudgets;
    inherit (fleet) operators;
  };

  toplevelOf =
    name: configuration:
    configuration.config.system.build.toplevel or (throw (
      message fleet.name [
        {
          path = "hosts.${name}.configuration";
          value = configuration;
          rule = "expected config.system.build.toplevel in it";
          fix = "give what nixosSystem or darwinSystem returns";
        }
      ]
    ));
  extend = import ../hosts/extend.nix { inherit fleet message; };
  configurations = mapAttrs (
    name: host:
    extend name {
      inherit (host) configuration system;
      inherit (resolved.hosts.${name}) healthChecks;
      compliance = complianceModule name host;
    }
  ) fleet.hosts;
  complianceModule =
    name: host:
    import ../compliance/fleet-module.nix {
      policy = scopes.complianceOf fleet host;
      isDecided = scopes.isComplianceDecided fleet host;
      controls = scopes.refinedModes "controls" fleet name host;
      frameworkModes = scopes.refinedModes "frameworkModes" fleet name host;
      drill = if fleet.drill != null && builtins.any (isOfChannel host.channel) fleet.drill.hosts then fleet.drill else null;
      inherit (host) pubkeys;
      origin = "mkFleet, hosts.${name}";
    };

  isOfChannel = channel: name: (fleet.hosts.${name} or { channel = null; }).channel == channel;
  # Drills show what the gate of their channel does.
  drillsOn =
    name: release:
    if release.drills or null == null then
      release
    else
      release
      // {
        drills = filter (drill: builtins.any (isOfChannel fleet.hosts.${name}.channel) drill.hosts) release.drills;
      };

  # What is told in place of what the fleet says, and what `nixfleet release` saw itself: of that the commit counts, since it
  # is the one that is released, and the rest where the fleet says nothing.
  releaseWith =
    facts:
    let
      observed = if (facts.observed or null) == null then { } else facts.observed;
    in
    observed
    // dropNulls fleet.release
    // lib.attrs.pick {
      revision = null;
      isDirty = null;
    } observed
    // dropNulls (removeAttrs facts [ "observed" ]);

  # Host → { catalogue; static; weakened; }, or null where its closure has no catalogue.
  complianceWith =
    facts:
    mapAttrs (
      name: configuration:
      let
        config = configuration.config or { };
      in
      if (config.environment.etc or { }) ? "nixfleet/compliance.json" then
        {
          inherit (config.compliance) catalogue;
          static = config.compliance.report (drillsOn name (releaseWith facts));
          # Modes weaker than a wider scope asks for, and the waivers that they rest on.
          weakened = invariants.weakenedOf fleet name fleet.hosts.${name};
        }
      else
        null
    ) configurations;
  toplevels = mapAttrs toplevelOf configurations;
  configurationsFor =
    platform: filterAttrs (name: _: match ".*-${platform}" fleet.hosts.${name}.system != null) configurations;

  # What only a configuration shows, for those that are evaluated anyway.
  hostWarnings = mapAttrs (
    _: configuration:
    if configuration.config.system.configurationRevision or null == null then
      [ ]
    else
      [
        "system.configurationRevision is set: it is part of the closure, so every commit changes the host even if nothing else did; the release names the commit, so leave it null"
      ]
  ) configurations;

  warnings = import ./warnings.nix {
    inherit
      lib
      selectors
      scopes
      fleet
      channelWaves
      resolved
      ;
    inherit (invariants) selectorsOf;
  };

  result = {
    # The fleet document: topology and policy, without evaluating any host.
    resolved = orThrow resolved;

    # Host → derivation of its system. Each is evaluated only when asked for.
    toplevels = orThrow toplevels;

    # Host → what the fleet says of it, with its name, wave, configuration and toplevel; the last two only when asked for.
    hosts = orThrow (
      mapAttrs (
        name: _:
        resolved.hosts.${name}
        // {
          inherit name;
          configuration = configurations.${name};
          wave = waveOf.${name};
          toplevel = toplevels.${name};
        }
      ) fleet.hosts
    );

    # Host → configuration with the agent, for flake outputs of these names: stock tools build and deploy them.
    nixosConfigurations = orThrow (configurationsFor "linux");
    darwinConfigurations = orThrow (configurationsFor "darwin");

    # Host → its catalogue, and what its configuration says of every static rule; null where it has none. A release takes it.
    compliance = orThrow (complianceWith { });

    # As `compliance`, with facts that only the moment of a release knows, in place of those under `release`; `observed` are
    # those that `nixfleet release` saw itself.
    complianceWith = facts: orThrow (complianceWith facts);

    # Lines for people: what is allowed, and probably not meant.
    warnings = orThrow warnings;

    # Host → such lines about its configuration, which is evaluated for them.
    hostWarnings = orThrow hostWarnings;
  };
in
result
