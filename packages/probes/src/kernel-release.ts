/** Whether release `a` is older than `b`: `5.15.3-x` < `5.18`. */
export function isOlder(a: string, b: string): boolean {
  const parts = (text: string): number[] => (/^\d+(?:\.\d+)*/.exec(text)?.[0] ?? '0').split('.').map(Number);
  const [left, right] = [parts(a), parts(b)];
  for (let at = 0; at < Math.max(left.length, right.length); at++) {
    const [one = 0, other = 0] = [left[at], right[at]];
    if (one !== other) return one < other;
  }
  return false;
}
