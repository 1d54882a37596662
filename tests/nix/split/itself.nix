{
  imports = [ ./itself.nix ];
}
