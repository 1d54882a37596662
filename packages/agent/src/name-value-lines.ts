/** `name=value` lines, as `systemctl show` prints them and the dead man's switch keeps them. Other lines are left out. */
export function nameValueLines(text: string): ReadonlyMap<string, string> {
  const lines = text.split('\n').filter((line) => line.includes('='));
  return new Map(lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]));
}
