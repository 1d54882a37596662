# The catalogue: one file a control.
[
  ./access-control.nix
  ./baseline-hardening.nix
]
