# Repeats `step` until it returns null, and returns the last state. `builtins.genericClosure` is Nix's only loop that
# needs no stack: a chain of ten thousand edges would overflow a recursive function.
{ start, step }:
let
  inherit (builtins) deepSeq elemAt length;
  states = builtins.genericClosure {
    startSet = [
      {
        key = 0;
        state = start;
      }
    ];
    operator =
      { key, state }:
      let
        next = step state;
      in
      if next == null then
        [ ]
      else
        [
          {
            # Forced with the key, so that no chain of unevaluated steps builds up.
            key = deepSeq next (key + 1);
            state = next;
          }
        ];
  };
in
(elemAt states (length states - 1)).state
