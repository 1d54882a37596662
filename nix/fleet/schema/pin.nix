# Builds a host from a fixed commit.
{ types, scalars }:
types.record {
  title = "pin";
  options = {
    commit = {
      type = scalars.commit;
      description = "The commit the host is built from instead of the released one.";
      example = ''"8b3f0c2d9a1e4f5b6c7d8e9f0a1b2c3d4e5f6a7b"'';
    };
    reason = {
      type = scalars.reason;
      description = "Why, shown with the host.";
      example = ''"driver regression, ticket 4711"'';
    };
    expiresAt = {
      type = types.nullOr scalars.instant;
      default = null;
      description = "From then on the pin has no effect. Null: it stays until removed.";
      example = ''"2026-06-01T08:00:00Z"'';
    };
  };
}
