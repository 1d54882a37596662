# Fleets to measure with. `hosts`: how many; `bytes`: about what evaluating one of them takes, 0 for stubs that are never looked at.
{ hosts, bytes ? 0 }:
let
  inherit (builtins)
    foldl'
    genList
    hashString
    length
    listToAttrs
    substring
    toString
    ;
  nameOf = n: "host-${toString n}";

  # At the end all cells are alive: a set of one attribute each, and the thunks in it.
  bytesPerCell = 96;
  ballast = n: genList (i: { cell = i + n; }) (bytes / bytesPerCell);
  weightOf = n: let cells = ballast n; in foldl' (sum: cell: sum + cell.cell) 0 cells + length cells;

  toplevel =
    n:
    derivation {
      name = "nixos-system-${nameOf n}";
      system = "x86_64-linux";
      builder = "/bin/sh";
      weight = weightOf n;
    };

  host = n: {
    name = nameOf n;
    value = {
      system = "x86_64-linux";
      channel = "stable";
      tags = [ "web" "rack-${toString (n / 50)}" ];
      pubkeys = [ "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA${substring 0 42 (hashString "sha256" (nameOf n))}" ];
      configuration = if bytes == 0 then throw "forced" else { config.system.build.toplevel = toplevel n; };
    };
  };
in
(import ../..).lib.mkFleet {
  name = "large";
  hosts = listToAttrs (genList host hosts);
  channels.stable.rolloutPolicy = "staged";
  rolloutPolicies.staged.waves =
    [ { percent = 1; } ] ++ genList (rack: { selector.tags = [ "rack-${toString rack}" ]; }) 20;
  healthChecks.units.kind = "systemd";
  tags.web.healthChecks.http = {
    kind = "http";
    url = "http://127.0.0.1/";
  };
  disruptionBudgets = [
    {
      name = "web";
      selector.tags = [ "web" ];
      maxInFlightPercent = 5;
    }
  ];
}
