# What is evaluated, and what a failing control does.
{ types }:
types.record {
  title = "compliance policy";
  rules = [
    {
      holds = value: value.mode == "disabled" || value.frameworks != [ ];
      rule = "a compliance gate without frameworks would pass everything";
      fix = ''name frameworks, or set mode = "disabled"'';
    }
  ];
  options = {
    mode = {
      type = types.oneOf [
        "disabled"
        "permissive"
        "enforce"
      ];
      default = "disabled";
      description = "`enforce`: a failing control stops the release. `permissive`: it is reported.";
      example = ''"enforce"'';
    };
    frameworks = {
      type = types.listOf {
        of = types.text {
          says = "the name of a framework";
          bytesMax = 64;
          test = text: text != "";
        };
        max = 32;
        isSet = true;
      };
      default = [ ];
      description = "The frameworks whose controls are evaluated, of those under `complianceFrameworks`.";
      example = ''[ "nis2" "iso27001" ]'';
    };
  };
}
