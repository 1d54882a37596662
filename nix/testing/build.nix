# A derivation made with /bin/sh and coreutils alone, for the stand-in systems: `steps` is run with the attributes of
# `environment` as variables.
{
  name,
  steps,
  environment ? { },
  system ? builtins.currentSystem,
}:
derivation (
  {
    inherit name system;
    builder = "/bin/sh";
    args = [
      "-euc"
      steps
    ];
    PATH = "/run/current-system/sw/bin:/usr/bin:/bin";
    # Nothing here is worth asking a cache for.
    allowSubstitutes = false;
    preferLocalBuild = true;
  }
  // environment
)
