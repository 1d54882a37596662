# A rollout policy's waves over the hosts of one channel.
{ lib, selectors }:
let
  inherit (builtins)
    any
    foldl'
    hashString
    length
    lessThan
    map
    partition
    sort
    ;

  soakMinutesDefault = 5;

  # Every host, and a receipt of each.
  whole = {
    convergedPercent = 100;
    receiptsPercent = 100;
  };

  # What a strategy means where no waves are declared.
  wave =
    given:
    {
      selector = null;
      percent = null;
      size = null;
      soakMinutes = null;
      soakSeconds = null;
      promoteWhen = whole;
    }
    // given;
  presets = {
    canary = [
      (wave {
        size = 1;
        soakMinutes = 30;
      })
    ];
    staged = [
      (wave { percent = 10; })
      (wave { percent = 40; })
    ];
    all-at-once = [ ];
  };
  wavesOf = policy: if policy.waves == [ ] && policy.strategy != null then presets.${policy.strategy} else policy.waves;

  soakSeconds =
    wave:
    if wave.soakSeconds != null then
      wave.soakSeconds
    else if wave.soakMinutes != null then
      wave.soakMinutes * 60
    else
      soakMinutesDefault * 60;

  # By a hash, so that a new host stands anywhere in the order and moves nobody else in it. With the channel in the hash
  # the hosts that go first differ between channels, though they may be named alike.
  ranked =
    channel: hosts:
    map ({ host, ... }: host) (
      sort (a: b: a.rank < b.rank) (
        map (host: {
          inherit host;
          rank = hashString "sha256" "${channel}/${host.name}";
        }) hosts
      )
    );

  roundedUp = percent: count: (percent * count + 99) / 100;
in
{
  # { channel, policy, hosts } → { waves, empty }: the waves with every host in exactly one, in the order of names; and
  # the indices of the declared waves that no host is in. A channel without hosts keeps its last wave: there is always one.
  resolveWaves =
    {
      channel,
      policy,
      hosts,
    }:
    let
      declaredWaves = wavesOf policy;
      isRanked = any (wave: wave.selector == null) declaredWaves;
      resolved = wave: members: {
        hosts = (if isRanked then sort lessThan else names: names) (map (host: host.name) members);
        soakSeconds = soakSeconds wave;
        promoteWhen = wave.promoteWhen or whole;
      };
      take = count: list: {
        right = lib.lists.take count list;
        wrong = lib.lists.drop count list;
      };
      step =
        state: wave:
        let
          percent = state.percent + wave.percent;
          share = roundedUp percent (length hosts) - roundedUp state.percent (length hosts);
          split =
            if wave.selector != null then
              partition (selectors.predicate wave.selector) state.left
            else
              take (if wave.size != null then wave.size else share) state.left;
        in
        {
          left = split.wrong;
          index = state.index + 1;
          percent = if wave.percent == null then state.percent else percent;
          waves = if split.right == [ ] then state.waves else state.waves ++ [ (resolved wave split.right) ];
          empty = if split.right == [ ] then state.empty ++ [ state.index ] else state.empty;
        };
      declared = foldl' step {
        left = if isRanked then ranked channel hosts else hosts;
        index = 0;
        percent = 0;
        waves = [ ];
        empty = [ ];
      } declaredWaves;
      rest = if declared.left == [ ] && declared.waves != [ ] then [ ] else [ (resolved policy.rest declared.left) ];
    in
    {
      waves = declared.waves ++ rest;
      inherit (declared) empty;
    };
}
