# web-1: what the fleet knows of it. What it runs is in configuration.nix.
{
  system = "x86_64-linux";
  channel = "stable";
  tags = [ ];
  # The line of /etc/ssh/ssh_host_ed25519_key.pub on the host.
  pubkeys = [ ];
}
