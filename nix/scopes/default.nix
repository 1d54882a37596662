# What a fleet may take or leave. Modules are off until enabled; gitops is data.
{
  persistence.impermanence = ./persistence/impermanence.nix;
  keyslots.tpm = ./keyslots/tpm.nix;
  secrets = ./secrets/secrets.nix;
  gitops = import ./gitops;
}
