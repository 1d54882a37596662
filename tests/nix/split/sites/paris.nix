# A configuration may read what the fleet says of its host.
{ fleet }:
let
  keys = import ../../keys.nix;
  host = name: key: {
    system = "x86_64-linux";
    channel = "stable";
    pubkeys = [ key ];
    configuration.config.system.build.toplevel = "${name} in wave ${toString fleet.hosts.${name}.wave}";
  };
in
{
  hosts.paris-web = host "paris-web" keys.web-1 // { tags = [ "web" ]; };
  hosts.paris-db = host "paris-db" keys.db-1;
  disruptionBudgets = [
    {
      name = "paris";
      selector.hosts = [ "paris-web" "paris-db" ];
      maxInFlight = 1;
    }
  ];
}
