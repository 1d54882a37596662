# The assertion for a file that holds a private key: in the store everybody could read it.
lib:
{ option, file }:
{
  assertion = file == null || !(lib.hasPrefix builtins.storeDir (toString file));
  message = "${option} is in the Nix store, which everybody can read: give the path, as a string, of a file that a secrets manager puts on the machine.";
}
