{
  channels.stable.rolloutPolicy = "plain";
  rolloutPolicies.plain.strategy = "canary";
  disruptionBudgets = [
    {
      name = "everything";
      selector.all = true;
      maxInFlight = 2;
    }
  ];
}
