# What runs is byte for byte what was released.
{ measureWith, checks, ... }:
let
  inherit (checks) at listAt want;
  inherit (builtins) elem;

  measure = measureWith "anssi-bp028/v1";
in
{
  controlId = "integrity-sealing";
  optionName = "integritySealing";
  title = "Integrity sealing";
  purpose = "A changed file of the system is found, and cannot be changed by accident.";
  type = "both";
  schema = "anssi-bp028/v1";

  rules = [
    {
      id = "IS-01";
      name = "The closure has the hashes that were released";
      severity = "paranoid";
      tags = [ "store" ];
      articles.anssi-bp028 = [ "R76" ];
      check =
        _:
        measure {
          name = "store-integrity";
          # All of it would take minutes: each hour another part, all of it in a day.
          args = [ "--contents" "--slices" "24" ];
          privilege = "user";
        };
      remediation = "Find out who changed it; nix-store --repair-path restores it.";
    }
    {
      id = "IS-02";
      name = "The store is mounted read-only";
      severity = "paranoid";
      tags = [ "store" ];
      articles.anssi-bp028 = [ "R77" ];
      evaluate =
        { config, ... }:
        let
          older = at "boot.readOnlyNixStore" config;
          newer = listAt "boot.nixStoreMountOpts" config;
        in
        [ (want "boot.nixStoreMountOpts" (if newer == [ ] then older == true else elem "ro" newer) true // { fix = ''boot.nixStoreMountOpts = [ "ro" "nosuid" "nodev" ];''; }) ];
      check =
        _:
        measure {
          name = "store-integrity";
          args = [ "--read-only" ];
          privilege = "user";
        };
      remediation = "Leave boot.nixStoreMountOpts with ro, or boot.readOnlyNixStore true.";
    }
    {
      id = "IS-03";
      name = "dm-verity guards what it is used for";
      severity = "paranoid";
      tags = [ "store" ];
      articles.anssi-bp028 = [ "R76" ];
      check =
        _:
        measure {
          name = "verity";
          applicability = "probed";
        };
      remediation = "Look at veritysetup status, and rebuild the image.";
    }
  ];
}
