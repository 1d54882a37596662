# What a flake knows of its own release, for the option `release` of mkFleet:
#
#   outputs = inputs: { fleet = nixfleet.lib.mkFleet { release = nixfleet.lib.releaseOf inputs; … }; }
#
# Nothing of it is part of a closure. Who made and who approved a change, a forge knows and a flake does not.
inputs@{ self, ... }:
{
  revision = self.rev or null;
  # Only a clean checkout has a revision.
  isDirty = !(self ? rev);
  # The commit's time: the same commit says the same of itself on every day.
  evaluatedAt = self.lastModified or null;
  inputs = builtins.mapAttrs (_: input: {
    narHash = input.narHash or null;
    lastModified = input.lastModified or null;
  }) (removeAttrs inputs [ "self" ]);
}
