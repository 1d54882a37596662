# A NixOS machine as a guest of QEMU: the disk by its labels, the drivers it boots with, and what the host side talks to.
{ lib, ... }:
{
  boot.initrd.availableKernelModules = [
    "virtio_blk"
    "virtio_net"
    "virtio_pci"
    "virtio_scsi"
  ];
  boot.kernelParams = [ "console=ttyS0" ];
  boot.loader.systemd-boot.enable = lib.mkDefault true;
  boot.loader.efi.canTouchEfiVariables = lib.mkDefault false;
  fileSystems."/" = lib.mkDefault {
    device = "/dev/disk/by-label/nixos";
    fsType = "ext4";
  };
  fileSystems."/boot" = lib.mkDefault {
    device = "/dev/disk/by-label/boot";
    fsType = "vfat";
  };
  # The network of a guest is whatever QEMU offers.
  networking.useDHCP = lib.mkForce true;
  services.openssh.enable = lib.mkDefault true;
  services.qemuGuest.enable = lib.mkDefault true;
  services.spice-vdagentd.enable = lib.mkDefault true;
  # No graphics card to speak of.
  environment.variables.LIBGL_ALWAYS_SOFTWARE = lib.mkDefault "1";
}
