# A failure on purpose, to show that failures have effect. In no framework, never waived, and inert after its deadline. What the
# collector does of it is in packages/agent/src/compliance/collector-drill.ts.
{
  given,
  measureWith,
  types,
  scalars,
  checks,
  ...
}:
let
  inherit (checks) at wantOf;
  inherit (builtins) elem isInt;
  path = "compliance.controls.syntheticAlwaysFail";

  measure = measureWith "drill/v1";
in
{
  controlId = "synthetic-always-fail";
  optionName = "syntheticAlwaysFail";
  title = "Synthetic failure";
  purpose = "A drill: shows that the gate stops what fails.";
  type = "both";
  schema = "drill/v1";

  options = {
    failAt = {
      type = scalars.drillFailAt;
      default = "static";
      direction = "declared";
      description = "Where it fails: in the configuration, by its probe, or by the collector, which then overruns its time, or leaves a document that is malformed, an hour old or unsigned.";
    };
    until = {
      type = types.nullOr (types.int {
        min = 0;
        max = 4102444800;
      });
      default = null;
      direction = "declared";
      description = "The second since 1970 from which it no longer fails. Null: it fails nowhere, since a drill has an end.";
    };
    hosts = {
      type = types.listOf {
        of = types.text {
          says = "the name of a host";
          pattern = "[a-z0-9][a-z0-9-]{0,62}";
          bytesMax = 63;
        };
        max = 1000;
        isSet = true;
      };
      default = [ ];
      direction = "declared";
      description = "Where it fails. Never a host that serves the control plane: its evaluation is refused.";
    };
  };

  rules = [
    {
      id = "SY-01";
      name = "Fails on purpose";
      severity = "minimal";
      tags = [ "drill" ];
      evaluate =
        { config, options }:
        let
          now = at "compliance.release.evaluatedAt" config;
          # Without a time it still fails: a drill that is silently inert proves nothing.
          isOver = options.until == null || (isInt now && now >= options.until);
          isControlPlane = checks.isOn "services.nixfleet-control-plane.enable" config;
        in
        [
          (wantOf {
            option = "${path}.failAt";
            what = null;
            observed =
              options.failAt == "static"
              && !isOver
              && !isControlPlane
              && elem (at "networking.hostName" config) options.hosts;
            expect = false;
            fix = "${path}.enable = false; # it is a drill: this ends it";
          })
        ];
      check =
        { config, options }:
        let
          isHere =
            !(checks.isOn "services.nixfleet-control-plane.enable" config)
            && elem (at "networking.hostName" config) options.hosts;
        in
        measure {
          name = "synthetic";
          args =
            given "--fail-at" options.failAt
            # Elsewhere it is inert from the beginning.
            ++ given "--until" (if isHere && options.until != null then options.until else 0);
          privilege = "user";
          timeoutSecs = 10;
        };
      remediation = "None: it is a drill. It ends by itself.";
    }
  ];
}
