# Keeps a host at a fixed commit or closure.
{ types, scalars }:
types.record {
  title = "pin";
  rules = [
    {
      holds = value: (value.commit == null) != (value.closure == null);
      reads = [
        "commit"
        "closure"
      ];
      rule = "a pin names either a commit or a closure";
      fix = "set one of commit and closure";
    }
  ];
  options = {
    commit = {
      type = types.nullOr scalars.commit;
      default = null;
      description = "The commit of this repository that the host is built from instead of the released one.";
      example = ''"8b3f0c2d9a1e4f5b6c7d8e9f0a1b2c3d4e5f6a7b"'';
    };
    closure = {
      type = types.nullOr scalars.storePath;
      default = null;
      description = "The system that the host runs, taken as it is: nothing is built, and the cache must have it.";
      example = ''"/nix/store/8ab4c1qzm6yq5c1a5hyhx0kqv8f2q5yk-nixos-system-web-1-26.05"'';
    };
    reason = {
      type = scalars.reason;
      description = "Why, shown by `nixfleet plan` and in the summary of each release.";
      example = ''"driver regression, ticket 4711"'';
    };
    expiresAt = {
      type = types.nullOr scalars.instant;
      default = null;
      description = "A release made then or later takes no notice of the pin; until there is one the host stays. Null: until the pin is removed. Where it has ended, the pin of a wider scope counts, if there is one.";
      example = ''"2026-06-01T08:00:00Z"'';
    };
  };
}
