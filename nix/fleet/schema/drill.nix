# A control that fails on purpose, to show that the gate stops it.
{ types, scalars }:
types.record {
  title = "drill";
  options = {
    failAt = {
      type = scalars.drillFailAt;
      description = "Where it fails: in the configuration, by its probe, or by the collector, which overruns its time or leaves a document that is malformed, an hour old or unsigned.";
      example = ''"runtime"'';
    };
    until = {
      type = types.int {
        min = 0;
        max = 4102444800;
      };
      description = "The second since 1970 from which it fails no longer.";
      example = "1780300800";
    };
    hosts = {
      type = types.listOf {
        of = scalars.nameOf "host";
        min = 1;
        max = 64;
        isSet = true;
      };
      description = "Hosts of one channel that shall fail. Never one that serves the control plane: its evaluation is refused.";
      example = ''[ "canary-1" ]'';
    };
  };
}
