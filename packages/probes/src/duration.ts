/** Seconds in a unit as sshd (sshd_config(5), TIME FORMATS) and systemd (systemd.time(7)) write it. */
const units: ReadonlyMap<string, number> = new Map([
  ['', 1],
  ['s', 1],
  ['sec', 1],
  ['second', 1],
  ['seconds', 1],
  ['m', 60],
  ['min', 60],
  ['minute', 60],
  ['minutes', 60],
  ['h', 3600],
  ['hr', 3600],
  ['hour', 3600],
  ['hours', 3600],
  ['d', 86_400],
  ['day', 86_400],
  ['days', 86_400],
  ['w', 604_800],
  ['week', 604_800],
  ['weeks', 604_800],
  ['month', 2_629_800],
  ['months', 2_629_800],
  ['y', 31_557_600],
  ['year', 31_557_600],
  ['years', 31_557_600],
]);

/** `15m`, `1h30m`, `1month 2w`, in seconds; null for what is no span, `none` and `infinity` too. */
export function secondsOf(text: string): number | null {
  const trimmed = text.trim();
  if (!/^(?:\d{1,12}\s*[a-zA-Z]*\s*)+$/.test(trimmed)) return null;
  let seconds = 0;
  for (const [, digits = '', unit = ''] of trimmed.matchAll(/(\d+)\s*([a-zA-Z]*)/g)) {
    const factor = units.get(unit === 'M' ? 'month' : unit.toLowerCase());
    if (factor === undefined) return null;
    seconds += Number(digits) * factor;
  }
  return seconds;
}
