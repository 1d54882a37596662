# The trust document as a restart trigger: a file of the store named after its content. Its path in a flake would do the opposite
# of what is wanted: it changes with every commit, and with it every closure.
config:
let
  inherit (config.nixfleet.trust) document;
in
if document == null then [ ] else [ "${document}" ]
