# The few functions over lists, attribute sets and strings that the fleet needs, on the builtins of Nix 2.8.
rec {
  lists = import ./lists.nix;
  attrs = import ./attrs.nix;
  numbers = import ./numbers.nix;
  iterate = import ./iterate.nix;
  nearest = import ./nearest.nix { inherit lists; };
  show = import ./show.nix { inherit lists; };
}
