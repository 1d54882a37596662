/** One `name = value` of a file that has them a line each; where a name comes twice, the last one holds. */
export function keyValues(text: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [, name, value] = /^\s*([A-Za-z0-9_.-]+)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
    if (name !== undefined && value !== undefined) found.set(name, value.replace(/^"(.*)"$/, '$1'));
  }
  return found;
}
