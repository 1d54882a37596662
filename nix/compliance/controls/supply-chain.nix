# What is built, and fetched, is from where it should be.
{
  many,
  measureWith,
  types,
  checks,
  ...
}:
let
  inherit (checks)
    at
    attrsAt
    listAt
    want
    wantAt
    wantOf
    ;
  inherit (builtins)
    attrNames
    filter
    isInt
    isString
    map
    match
    ;

  daySeconds = 24 * 3600;
  inputs = config: attrsAt "compliance.release.inputs" config;
  now = config: at "compliance.release.evaluatedAt" config;

  # https://cache.example.org/ and …?priority=30 are the same place.
  place = url: builtins.head (match "([^?]*[^?/])/*([?].*)?" url);
  settings = config: name: listAt "nix.settings.${name}" config;

  url = types.text {
    says = "a URL of a binary cache";
    pattern = "[a-z][a-z0-9+.-]*://[^[:space:]]+";
    bytesMax = 512;
  };

  measure = measureWith "supply-chain/v1";
in
{
  controlId = "supply-chain";
  optionName = "supplyChain";
  title = "Supply chain";
  purpose = "Sources are locked by hash, binaries signed by known keys.";
  type = "both";
  schema = "supply-chain/v1";

  options = {
    sbomGeneration = {
      type = types.bool;
      default = true;
      direction = "any";
      description = "A release carries a list of everything in it.";
    };
    inputStalenessWarningDays = {
      type = types.int {
        min = 1;
        max = 365;
      };
      default = 30;
      direction = "min";
      description = "Days after which an input is too old.";
    };
    allowedSubstituters = {
      type = types.listOf {
        of = url;
        max = 64;
        isSet = true;
      };
      default = [ "https://cache.nixos.org" ];
      direction = "intersect";
      description = "Where binaries may come from, beside the fleet's own caches.";
    };
    allowedKeys = {
      type = types.listOf {
        of = types.text {
          says = "a key as in trusted-public-keys";
          pattern = "[A-Za-z0-9._-]+:[A-Za-z0-9+/]{43}=";
          bytesMax = 256;
        };
        max = 64;
        isSet = true;
      };
      default = [ "cache.nixos.org-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY=" ];
      direction = "intersect";
      description = "Whose signatures count, beside those that the fleet's trust names.";
    };
  };

  rules = [
    {
      id = "SC-01";
      name = "Every input is locked, with a hash";
      severity = "standard";
      tags = [ "release" ];
      evaluate =
        { config, ... }:
        [
          (want "compliance.release.inputs" (attrNames (inputs config) != [ ]) true // { fix = "lock the inputs: nix flake lock"; })
          (wantOf {
            option = "compliance.release.inputs";
            what = "without a hash";
            observed = filter (
              name:
              let
                hash = (inputs config).${name}.narHash or null;
              in
              !(isString hash && match "sha256-[A-Za-z0-9+/]{43}=" hash != null)
            ) (attrNames (inputs config));
            expect = [ ];
            fix = "lock them: nix flake lock";
          })
        ];
      remediation = "Lock every input of the flake, and commit the lock file.";
    }
    {
      id = "SC-02";
      name = "Inputs are not too old";
      severity = "standard";
      tags = [ "release" ];
      evaluate =
        { config, options }:
        [
          (want "compliance.release.evaluatedAt" (isInt (now config)) true // { fix = "let the release pass its time"; })
          (wantOf {
            option = "compliance.release.inputs";
            what = "too old, or of unknown age";
            observed = filter (
              name:
              let
                modified = (inputs config).${name}.lastModified or null;
              in
              !(isInt modified && isInt (now config) && now config - modified <= options.inputStalenessWarningDays * daySeconds)
            ) (attrNames (inputs config));
            expect = [ ];
            fix = "nix flake update, then release";
          })
        ];
      remediation = "Update the inputs regularly; what is left behind on purpose needs a waiver.";
    }
    {
      id = "SC-03";
      name = "Binaries come from allowed caches, signed by allowed keys";
      severity = "minimal";
      tags = [ "nix" ];
      articles.anssi-bp028 = [
        "R59"
        "R60"
      ];
      evaluate =
        { config, options }:
        let
          allowed = map place (options.allowedSubstituters ++ listAt "services.nixfleet-agent.substituters" config);
          from =
            name:
            wantOf {
              option = "nix.settings.${name}";
              what = null;
              observed = filter (cache: !(builtins.elem (place cache) allowed)) (settings config name);
              expect = [ ];
              fix = "take them out, or add them to compliance.controls.supplyChain.allowedSubstituters";
            };
        in
        [
          (from "substituters")
          (from "extra-substituters")
          # What users may add.
          (from "trusted-substituters")
          (want "nix.settings.trusted-public-keys" (settings config "trusted-public-keys") {
            "$subset" = options.allowedKeys ++ listAt "nixfleet.trust.cacheKeys" config;
          } // { fix = "take other keys out, or add them to compliance.controls.supplyChain.allowedKeys"; })
          (wantAt config "nix.settings.require-sigs" {
            "$in" = [
              true
              null
            ];
          } // { fix = "nix.settings.require-sigs = true;"; })
          # A trusted user may bring any cache and any unsigned path.
          (want "nix.settings.trusted-users" (settings config "trusted-users") {
            "$subset" = [ "root" ];
          })
        ];
      check =
        { config, options }:
        measure {
          name = "nix-trust";
          args =
            many "--substituter" (options.allowedSubstituters ++ listAt "services.nixfleet-agent.substituters" config)
            ++ many "--key" (options.allowedKeys ++ listAt "nixfleet.trust.cacheKeys" config);
          privilege = "user";
        };
      remediation = "Allow the caches and keys under compliance.controls.supplyChain, or take them out of nix.settings.";
    }
    {
      id = "SC-04";
      name = "Everything in the closure carries a known signature";
      severity = "standard";
      tags = [ "nix" ];
      check =
        _:
        measure {
          name = "store-integrity";
          args = [ "--signatures" "1" ];
          privilege = "user";
        };
      remediation = "Find the unsigned path with nix store verify, and fetch it from a cache again.";
    }
    {
      id = "SC-05";
      name = "What is in the closure is listed, as released";
      severity = "minimal";
      tags = [ "release" ];
      articles.anssi-bp028 = [ "R58" ];
      unmeasured = "Releases carry no bill of materials yet.";
      remediation = "Release with a bill of materials and provenance, and deploy that release.";
    }
  ];
}
