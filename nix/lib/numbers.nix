# Whole numbers.
let
  inherit (builtins) fromJSON head match;
in
{
  # Digits → number: "08" is not JSON.
  number = digits: fromJSON (head (match "0*([0-9]+)" digits));

  remainder = n: divisor: n - (n / divisor) * divisor;
}
