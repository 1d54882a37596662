# Whether core turns hostSpec into options of the system. mkHost says so; in a configuration of your own, you do.
{ lib, ... }:
{
  options.nixfleet.core.enable = lib.mkOption {
    type = lib.types.bool;
    default = false;
    description = "Whether `hostSpec` sets host name, time zone, locale, keyboard, root's keys and flakes.";
    example = true;
  };
}
