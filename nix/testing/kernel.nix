# Kernel and initrd of a stand-in system, by version: files of which only names and contents differ.
{
  version,
  system ? builtins.currentSystem,
}:
let
  build = name: steps: import ./build.nix { inherit name steps system; };
in
{
  linux = build "linux-${version}" ''
    mkdir -p "$out/lib/modules/${version}"
    printf 'Linux %s\n' ${version} > "$out/bzImage"
  '';
  initrd = build "initrd-linux-${version}" ''
    mkdir -p "$out"
    printf 'initrd of Linux %s\n' ${version} > "$out/initrd"
  '';
}
