# A rollout policy's waves over the hosts of one channel.
{ selectors }:
let
  inherit (builtins)
    foldl'
    map
    partition
    ;

  soakMinutesDefault = 5;

  soakSeconds =
    wave:
    if wave.soakSeconds != null then
      wave.soakSeconds
    else if wave.soakMinutes != null then
      wave.soakMinutes * 60
    else
      soakMinutesDefault * 60;

  resolved = wave: hosts: {
    hosts = map (host: host.name) hosts;
    soakSeconds = soakSeconds wave;
    inherit (wave) promoteWhen;
  };
in
{
  # { policy, hosts } → { waves, empty }: the waves with every host in exactly one, in the order of `hosts`; and the
  # indices of the declared waves that no host is in. A channel without hosts keeps its last wave: there is always one.
  resolveWaves =
    { policy, hosts }:
    let
      step =
        state: wave:
        let
          split = partition (selectors.predicate wave.selector) state.left;
        in
        {
          left = split.wrong;
          index = state.index + 1;
          waves = if split.right == [ ] then state.waves else state.waves ++ [ (resolved wave split.right) ];
          empty = if split.right == [ ] then state.empty ++ [ state.index ] else state.empty;
        };
      declared = foldl' step {
        left = hosts;
        index = 0;
        waves = [ ];
        empty = [ ];
      } policy.waves;
      rest = if declared.left == [ ] && declared.waves != [ ] then [ ] else [ (resolved policy.rest declared.left) ];
    in
    {
      waves = declared.waves ++ rest;
      inherit (declared) empty;
    };
}
