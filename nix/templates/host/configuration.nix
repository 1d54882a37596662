# What this host runs: an ordinary NixOS module.
{ lib, ... }:
{
  # In place of these four: the hardware-configuration.nix that nixos-generate-config wrote on the machine, or disko.
  boot.loader.systemd-boot.enable = lib.mkDefault true;
  boot.initrd.availableKernelModules = [ "ahci" "nvme" "sd_mod" "virtio_blk" "virtio_pci" "virtio_scsi" ];
  fileSystems."/" = lib.mkDefault { device = "/dev/disk/by-label/nixos"; fsType = "ext4"; };
  fileSystems."/boot" = lib.mkDefault { device = "/dev/disk/by-label/boot"; fsType = "vfat"; };

  services.openssh.enable = true;
}
