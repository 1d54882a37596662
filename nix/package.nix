# The `nixfleet` program, from package-lock.json: every npm package is fetched by the hash that the lockfile holds, the
# bundle is built as `make build` builds it, and it runs with Node of nixpkgs, so that nothing looks for /lib64/ld-linux.
{ pkgs }:
let
  inherit (builtins)
    attrNames
    baseNameOf
    concatStringsSep
    elem
    filter
    fromJSON
    map
    match
    pathExists
    readFile
    replaceStrings
    ;

  root = ../.;
  isCheckout = pathExists (root + "/package-lock.json");
  lock = fromJSON (readFile (root + "/package-lock.json"));
  system = pkgs.stdenv.hostPlatform.system;

  # esbuild's own program is a package for each platform. It is linked statically.
  esbuildPackages = {
    x86_64-linux = "@esbuild/linux-x64";
    aarch64-linux = "@esbuild/linux-arm64";
    x86_64-darwin = "@esbuild/darwin-x64";
    aarch64-darwin = "@esbuild/darwin-arm64";
  };
  esbuild =
    esbuildPackages.${system}
      or (throw "nixfleet: ${system} is not built for; known are ${concatStringsSep ", " (attrNames esbuildPackages)}");

  # node_modules/a/node_modules/@b/c → @b/c
  npmName = place: builtins.head (match ".*node_modules/(@[^/]+/[^/]+|[^/@]+)" place);

  # What ends up in the bundle, and what bundles it. Not: linters, types, test tools, other platforms, npm's Node.
  isNeeded =
    place:
    let
      entry = lock.packages.${place};
      name = npmName place;
    in
    entry ? integrity
    && (
      elem name [
        "esbuild"
        esbuild
      ]
      || !(entry.dev or false || entry.optional or false)
    );

  # The lockfile names no registry on purpose; the hash is what counts.
  archive =
    place:
    let
      entry = lock.packages.${place};
      name = npmName place;
    in
    pkgs.fetchurl {
      name = "${replaceStrings [ "@" "/" ] [ "" "-" ] name}-${entry.version}.tgz";
      url = "https://registry.npmjs.org/${name}/-/${baseNameOf name}-${entry.version}.tgz";
      hash = entry.integrity;
    };

  needed = filter isNeeded (filter (place: place != "") (attrNames lock.packages));
  links = filter (place: lock.packages.${place}.link or false) (attrNames lock.packages);

  source = builtins.path {
    name = "nixfleet-source";
    path = root;
    filter =
      path: type:
      let
        at = builtins.substring (builtins.stringLength (toString root) + 1) (-1) path;
      in
      match "(package|package-lock|tsconfig.base)[.]json|(packages|nix|demo|scripts)(/.*)?" at != null
      && match ".*/(node_modules|dist)|.*[.]tsbuildinfo|.*[.]test[.]ts" path == null;
  };
in
if !isCheckout then
  throw "nixfleet: this copy of the Nix half has no program beside it: set nixfleet.package, for instance to the flake's packages.\${system}.nixfleet"
else
  pkgs.stdenvNoCC.mkDerivation {
    pname = "nixfleet";
    inherit (lock.packages."packages/cli") version;
    src = source;
    nativeBuildInputs = [ pkgs.nodejs_24 ];

    configurePhase = concatStringsSep "\n" (
      map (place: ''
        mkdir -p ${place}
        tar -xzf ${archive place} -C ${place} --strip-components=1
      '') needed
      ++ [ "mkdir -p node_modules/@nixfleet" ]
      ++ map (place: "ln -s ../../${lock.packages.${place}.resolved or "packages/${baseNameOf place}"} ${place}") links
    );

    buildPhase = ''
      node scripts/build.ts
    '';

    # Nix is the machine's own; git, ssh and coreutils come along, after whatever the PATH has.
    installPhase = ''
      mkdir -p $out/bin $out/lib
      cp -r dist $out/lib/nixfleet
      for name in nixfleet nixfleet-probe; do
        {
          echo '#!${pkgs.runtimeShell}'
          echo 'export NIXFLEET_NODE=''${NIXFLEET_NODE:-${pkgs.nodejs_24}/bin/node}'
          echo 'export PATH="''${PATH:+$PATH:}${pkgs.coreutils}/bin:${pkgs.git}/bin:${pkgs.openssh}/bin"'
          echo "exec ${pkgs.runtimeShell} $out/lib/nixfleet/$name \"\$@\""
        } > $out/bin/$name
        chmod +x $out/bin/$name
      done
    '';

    doInstallCheck = true;
    installCheckPhase = ''
      $out/bin/nixfleet --version
    '';

    dontFixup = true;
    meta = {
      description = "Declarative NixOS fleets with signed GitOps";
      mainProgram = "nixfleet";
      platforms = attrNames esbuildPackages;
    };
  }
