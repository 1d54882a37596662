/** The middle value; NaN of nothing. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? Number.NaN;
}

/** To so many decimals: what a benchmark prints is read by people. */
export function rounded(value: number, decimals = 2): number {
  return Number(value.toFixed(decimals));
}
