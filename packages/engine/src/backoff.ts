/** Doubles from `firstSeconds` with every retry (the first has `count` 1), up to `maxSeconds`. */
export function backoffSeconds({
  count,
  firstSeconds,
  maxSeconds,
}: {
  readonly count: number;
  readonly firstSeconds: number;
  readonly maxSeconds: number;
}): number {
  const doublings = Math.min(Math.max(count - 1, 0), 30);
  return Math.min(firstSeconds * 2 ** doublings, maxSeconds);
}
