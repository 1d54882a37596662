# The firmware starts what is signed, and nobody at the console changes it.
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
    isOn
    note
    want
    wantOf
    ;
  inherit (builtins) any attrValues map;

  signs = [
    "boot.lanzaboote.enable"
    "boot.loader.limine.secureBoot.enable"
  ];
  # systemd-boot's editor, also where lanzaboote brings its own copy.
  editors = config: [
    {
      isUsed = isOn "boot.loader.systemd-boot.enable" config;
      option = "boot.loader.systemd-boot.editor";
    }
    {
      isUsed = isOn "boot.lanzaboote.enable" config;
      option = "boot.lanzaboote.settings.editor";
    }
    {
      isUsed = isOn "boot.loader.limine.enable" config;
      option = "boot.loader.limine.enableEditor";
    }
  ];
  grubHasPassword =
    config:
    any (
      user: (user.hashedPassword or null) != null || (user.hashedPasswordFile or null) != null || (user.passwordFile or null) != null
    ) (attrValues (attrsAt "boot.loader.grub.users" config));

  measure = measureWith "anssi-bp028/v1";
in
{
  controlId = "secure-boot";
  optionName = "secureBoot";
  title = "Secure boot";
  purpose = "From the firmware on, only what is signed is started.";
  type = "both";
  schema = "anssi-bp028/v1";

  options = {
    requireSecureBoot = {
      type = types.bool;
      default = false;
      direction = "any";
      description = "The host boots by UEFI secure boot.";
    };
    platformKeys = {
      type = types.listOf {
        of = types.text {
          says = "64 lower-case hexadecimal digits";
          pattern = "[0-9a-f]{64}";
          bytesMax = 64;
        };
        max = 16;
        isSet = true;
      };
      default = [ ];
      direction = "declared";
      description = "SHA-256 of the platform key (the EFI variable PK without its attributes) that is your own; several while it is replaced.";
    };
  };

  rules = [
    {
      id = "SB-01";
      name = "UEFI secure boot is on";
      severity = "standard";
      tags = [ "boot" ];
      articles.anssi-bp028 = [ "R3" ];
      evaluate =
        { config, options }:
        if options.requireSecureBoot then
          [
            (want "boot.lanzaboote.enable" (any (option: isOn option config) signs) true // {
              fix = "boot.lanzaboote.enable = true; # or boot.loader.limine.secureBoot.enable = true;";
            })
          ]
        else
          [ (note "compliance.controls.secureBoot.requireSecureBoot" false) ];
      check =
        { options, ... }:
        if options.requireSecureBoot then
          measure {
            name = "secure-boot";
            # Without EFI there is no secure boot either.
            args = [ "--required" ];
            privilege = "user";
            applicability = "probed";
          }
        else
          null;
      remediation = "Sign the boot chain, with lanzaboote or limine, enrol the keys, and switch secure boot on in the firmware.";
    }
    {
      id = "SB-02";
      name = "Nobody edits the command line in the boot menu";
      severity = "standard";
      tags = [ "boot" ];
      articles.anssi-bp028 = [ "R5" ];
      evaluate =
        { config, ... }:
        let
          used = builtins.filter (editor: editor.isUsed) (editors config);
          hasGrub = isOn "boot.loader.grub.enable" config;
        in
        map (editor: want editor.option (at editor.option config) false) used
        ++ (
          if hasGrub then
            [
              (wantOf {
                option = "boot.loader.grub.users";
                what = null;
                observed = grubHasPassword config;
                expect = true;
                fix = "boot.loader.grub.users.<name>.hashedPasswordFile = …;";
              })
            ]
          else if used == [ ] then
            [ (note "boot.loader.grub.enable" false) ]
          else
            [ ]
        );
      implementations = [ (_: { boot.loader.systemd-boot.editor = false; }) ];
      check = _: measure { name = "boot-loader"; applicability = "probed"; };
      remediation = "Switch the editor of the boot loader off, or give GRUB a user with a password.";
    }
    {
      id = "SB-03";
      name = "Kernel, initrd and command line are from a signed image";
      severity = "paranoid";
      tags = [ "boot" ];
      articles.anssi-bp028 = [ "R6" ];
      check =
        _:
        measure {
          name = "secure-boot";
          args = [ "--signed-image" ];
          privilege = "user";
          applicability = "probed";
        };
      remediation = "Boot unified kernel images, signed with keys of your own.";
    }
    {
      id = "SB-04";
      name = "The firmware trusts keys of your own";
      severity = "paranoid";
      tags = [ "boot" ];
      articles.anssi-bp028 = [ "R4" ];
      check =
        { options, ... }:
        if options.platformKeys == [ ] then
          null
        else
          measure {
            name = "secure-boot";
            args = many "--own-key" options.platformKeys;
            privilege = "user";
            applicability = "probed";
          };
      remediation = "Replace the keys that the firmware came with.";
    }
  ];
}
