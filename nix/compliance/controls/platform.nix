# What no program on the host can know: a person states it, signed, for a time.
_:
let
  rule =
    {
      id,
      name,
      severity,
      recommendation,
    }:
    {
      inherit id name severity;
      tags = [ "attested" ];
      articles.anssi-bp028 = [ recommendation ];
      remediation = "Let whoever knows state it, signed, with scope and end.";
    };
in
{
  controlId = "platform";
  optionName = "platform";
  title = "Platform";
  purpose = "Hardware, firmware and installation are chosen and set as they should be.";
  type = "attested";
  schema = "anssi-bp028/v1";

  rules = map rule [
    {
      id = "PL-01";
      name = "The hardware has what secure systems need";
      severity = "strict";
      recommendation = "R1";
    }
    {
      id = "PL-02";
      name = "The firmware is configured";
      severity = "standard";
      recommendation = "R2";
    }
    {
      id = "PL-03";
      name = "Secrets of the installation were replaced";
      severity = "strict";
      recommendation = "R51";
    }
    {
      id = "PL-04";
      name = "Only needed packages are installed";
      severity = "minimal";
      recommendation = "R58";
    }
    {
      id = "PL-05";
      name = "Services have only the features that are needed";
      severity = "standard";
      recommendation = "R63";
    }
  ];
}
