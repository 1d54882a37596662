# Mistakes that only show where two files meet, or that name the file they are in.
{
  channels.stable.rolloutPolicy = "plain";
  hosts.paris-web.chanel = "stable";
  rolloutPolicies.plain.waves = [ { selector.tags = [ "web" ]; } ];
  disruptionBudgets = [
    {
      name = "berlin";
      selector.all = true;
    }
  ];
  name = "other";
}
