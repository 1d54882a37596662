import type { Paint } from './paint.ts';

/** `name  value` lines, the names of one width. */
export function renderFacts(facts: readonly (readonly [string, string])[], paint: Paint): string[] {
  const width = Math.max(0, ...facts.map(([name]) => name.length));
  return facts.map(([name, value]) => `${paint('dim', name.padEnd(width))}  ${value}`);
}
