# What is measured on one host, and what follows: `etc/nixfleet/compliance.json` of its closure, and what its configuration says of
# the static rules. Pure, over the evaluated configuration.
{ lib, compliance }:
let
  inherit (builtins)
    concatMap
    filter
    head
    map
    mapAttrs
    sort
    toJSON
    tryEval
    deepSeq
    ;

  modes = [
    "disabled"
    "permissive"
    "enforce"
  ];
  strongest =
    a: b:
    compliance.presets.direction.stricter {
      direction = "max";
      scale = modes;
    } a b;

  # Frameworks of a host by the names that documents use; those whose technical standards come with them too.
  optionNames = {
    nis2 = "nis2";
    dora = "dora";
    iso27001 = "iso27001";
    anssi-bp028 = "anssi";
  };
  companions = {
    nis2 = [ "nis2-cir" ];
    dora = [ "dora-rts" ];
  };
  known = config: mapAttrs (_: name: config.compliance.frameworks.${name}) optionNames;
  chosen = config: lib.attrs.filterAttrs (_: framework: framework.enable) (known config);
  forecast = import ./forecast.nix { inherit lib compliance; };

  # Opt-in: whoever does not run a drill does not read of one.
  isShown = config: control: control.controlId != "synthetic-always-fail" || (control.settingsOf config).enable;

  # Under DORA's simplified framework Article 16 takes the place of 5 to 15; its own technical standards, 28 to 41, are not mapped.
  articlesFor =
    config:
    let
      frameworks = chosen config;
      names = builtins.attrNames frameworks;
      shown = lib.lists.toSet (names ++ concatMap (name: companions.${name} or [ ]) names);
      isSimplified = (frameworks.dora.regime or "") == "simplified";
      simplified =
        articles:
        if isSimplified && articles ? dora then
          removeAttrs articles [ "dora-rts" ] // { dora = [ "16" ]; }
        else
          articles;
    in
    articles: simplified (if names == [ ] then articles else lib.attrs.pick shown articles);

  # observe and report are other words for permissive; auto depends on whether anything collects.
  plainMode =
    config: mode:
    {
      auto = if config.compliance.evidence.collector.enable then "permissive" else "disabled";
      observe = "permissive";
      report = "permissive";
    }
    .${mode} or mode;

  modeOf =
    config: control:
    let
      inherit (config.compliance.governance) enforceMode;
      frameworks = chosen config;
      concerned = filter (name: control.articles ? ${name}) (builtins.attrNames frameworks);
      asked = map (
        name: plainMode config (if frameworks.${name}.mode == null then enforceMode else frameworks.${name}.mode)
      ) concerned;
      own = (control.settingsOf config).mode or null;
    in
    if own != null then
      plainMode config own
    else if asked == [ ] then
      plainMode config enforceMode
    else
      builtins.foldl' strongest (head asked) asked;

  byId = sort (a: b: (a.controlId or a.id) < (b.controlId or b.id));
  shownControls = config: byId (filter (isShown config) compliance.controls);

  probeOf =
    {
      config,
      control,
      rule,
      probes,
    }:
    let
      # Null, too, where nothing is declared on this host that it could look at.
      descriptor =
        if rule.check == null then
          null
        else
          rule.check {
            inherit config;
            options = control.optionsOf config;
          };
    in
    if descriptor == null then null else { command = "${probes}/bin/nixfleet-probe"; } // descriptor;

  ruleOf =
    { config, control, probes }:
    { rule, via }:
    let
      probe = probeOf {
        inherit
          config
          control
          rule
          probes
          ;
      };
    in
    {
      inherit (rule)
        id
        name
        severity
        tags
        hostTypes
        architectures
        remediation
        isAttested
        ;
      inherit via probe;
      unmeasured =
        if rule.check != null && probe == null && rule.evaluate == null then
          "Nothing is declared on this host that it could measure."
        else
          rule.unmeasured;
      articles = articlesFor config rule.articles;
      frameworks = builtins.attrNames rule.articles;
      hasStatic = rule.evaluate != null;
    };

  # A projection that throws has found nothing right.
  safely =
    rule: result:
    let
      tried = tryEval (deepSeq result result);
    in
    if tried.success then
      tried.value
    else
      {
        inherit (rule) id;
        passed = false;
        expected = { };
        observed.error = "the evaluation failed";
        optionPath = "";
        fix = "evaluate config.compliance.report of this host to see why";
      };
in
{
  inherit
    modeOf
    chosen
    optionNames
    shownControls
    plainMode
    ;

  # { config, host, system, probes } → the document. `probes`: the package with bin/nixfleet-probe.
  document =
    {
      config,
      host,
      system,
      probes,
    }:
    let
      inherit (config.compliance) governance;
      frameworks = chosen config;
    in
    {
      type = "compliance-catalogue";
      schemaVersion = 1;
      inherit (compliance) version;
      inherit host system;
      governance = {
        mode = plainMode config governance.enforceMode;
        inherit (governance)
          level
          hostType
          architecture
          excludes
          ;
        presets = mapAttrs (name: framework: framework.${compliance.presets.parameterOf.${name}}) frameworks;
      };
      inherit (config.compliance.evidence.collector) collectIntervalSeconds;
      controls = map (control: {
        inherit (control)
          controlId
          optionName
          title
          purpose
          type
          schema
          ;
        articles = articlesFor config control.articles;
        mode = modeOf config control;
        rules = byId (map (ruleOf { inherit config control probes; }) (control.statuses config));
      }) (shownControls config);
    };

  # What the configuration says of every rule that has a static projection, active or not; of one that is not, as if all controls
  # were. `release`: what only a release knows.
  static =
    { config, release }:
    let
      released = config // {
        compliance = config.compliance // {
          release = config.compliance.release // release;
        };
      };
      frameworks = known config;
      enabled = chosen config;
      shown = shownControls config;
      withAll = forecast.withAll shown released;
      # Each framework that is not enabled, as if it were.
      others = mapAttrs (
        name: parameters:
        forecast.withFramework {
          inherit name parameters;
          inherit enabled;
          controls = shown;
          config = released;
        }
      ) (removeAttrs frameworks (builtins.attrNames enabled));
      resultIn =
        control: rule: of:
        safely rule (
          control.resultOf rule (
            rule.evaluate {
              config = of;
              options = control.optionsOf of;
            }
          )
        );
      resultOf =
        control: rule:
        let
          result = resultIn control rule (if (control.settingsOf config).enable or false then released else withAll);
          brief = { passed, optionPath, fix, ... }: { inherit passed optionPath fix; };
          under = lib.attrs.filterAttrs (_: other: other != brief result) (
            mapAttrs (_: other: brief (resultIn control rule other)) (lib.attrs.pick rule.articles others)
          );
        in
        result // (if under == { } then { } else { inherit under; });
    in
    concatMap (
      control: map (resultOf control) (filter (rule: rule.evaluate != null) control.rules)
    ) shown;

  text = document: toJSON document;
}
