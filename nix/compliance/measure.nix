# Shorter ways to write the descriptors of probes, see probe.nix. What each probe takes is in packages/probes/README.md.
{ probe }:
let
  inherit (builtins)
    concatStringsSep
    elemAt
    filter
    genList
    length
    ;
  # Values of one list that share an argument: a descriptor has at most 64 arguments, each of at most 4096 bytes.
  perArgument = 5;
in
{
  # schema → { name; args ? [ ]; … } → a descriptor of a probe that has to find nothing wrong.
  measureWith =
    schema: given:
    probe (
      {
        inherit schema;
        expect.violationCount = 0;
        privilege = "root";
      }
      // given
    );

  # The values of a list, several a line each in one argument.
  many =
    flag: values:
    builtins.concatLists (
      genList (
        at:
        let
          from = at * perArgument;
          to = from + perArgument;
          chunk = genList (i: elemAt values (from + i)) ((if to > length values then length values else to) - from);
        in
        [
          flag
          (concatStringsSep "\n" chunk)
        ]
      ) ((length values + perArgument - 1) / perArgument)
    );

  given = flag: value: if value == null then [ ] else [ flag (toString value) ];
  switch = flag: isOn: if isOn then [ flag ] else [ ];

  # An expectation of sysctl, as the probe takes it. The kernel need not have the setting, unless `isDemanded`.
  sysctlWant =
    isDemanded: key: value:
    let
      optional = if isDemanded then "" else "?";
    in
    if builtins.isAttrs value then "${key}${optional}>=${toString value."$ge"}" else "${key}${optional}=${toString value}";
}
