import type { StaticRuleResult } from '@nixfleet/contracts';
import { printable } from '../printable.ts';

/** Longest value that is shown, in characters of JSON. */
const valueCharactersMax = 200;

/** What one rule came to on one host, in lines. */
export function ruleLines(host: string, rule: StaticRuleResult): string[] {
  const { status, decision, reason, via, optionPath, observed, expected, fix, waiverId } = rule;
  const why = via === null ? reason : via;
  const lines = [
    `${host}: ${status}${why === undefined ? '' : ` (${why})`}${status === 'fail' ? `, ${decision}` : ''}`,
  ];
  if (waiverId !== undefined) lines.push(`  waived by ${waiverId}`);
  if (status !== 'fail') return lines;
  if (optionPath !== undefined && optionPath !== '') lines.push(`  option ${printable(optionPath)}`);
  if (observed !== undefined) lines.push(`  observed ${shown(observed)}`);
  if (expected !== undefined) lines.push(`  expected ${shown(expected)}`);
  for (const line of (fix ?? '').split('\n').filter((text) => text !== '')) lines.push(`  fix: ${printable(line)}`);
  return lines;
}

export function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return printable(text.length <= valueCharactersMax ? text : `${text.slice(0, valueCharactersMax)}…`);
}
