import { flagOf } from './arguments.ts';
import type { Probe } from './probe.ts';

/** The reference of all probes, as the README has it between its marks. */
export function probeTable(probes: readonly Probe[]): string {
  return probes.map((one) => sectionOf(one)).join('\n');
}

function sectionOf(probe: Probe): string {
  const given = Object.entries(probe.arguments).map(([name, spec]) => {
    const flag = `\`${flagOf(name)}\``;
    if (spec.kind === 'switch') return `${flag}: ${spec.what}`;
    const choices = 'oneOf' in spec && spec.oneOf ? `; ${spec.oneOf.map((one) => `\`${one}\``).join(', ')}` : '';
    if (spec.kind === 'list') return `${flag} …, any number of times: ${spec.what}${choices}`;
    if (spec.default === undefined) return `${flag} …, required: ${spec.what}${choices}`;
    return `${flag} …, default ${spec.default === null ? 'none' : `\`${spec.default}\``}: ${spec.what}${choices}`;
  });
  const facts = Object.entries(probe.facts).map(([name, what]) => `\`${name}\`: ${what}`);
  return [
    `### ${probe.name}`,
    '',
    `${capitalised(probe.summary)}.`,
    '',
    `| | |`,
    `|---|---|`,
    `| arguments | ${cell(given.join('<br>')) || 'none'} |`,
    `| facts | ${cell(facts.join('<br>'))} |`,
    `| violations | ${probe.violations.map((what) => `\`${what}\``).join(' ')} |`,
    `| root | ${cell(probe.root ?? 'not needed')} |`,
    ...(probe.network === undefined ? [] : ['| network | to the declared endpoint |']),
    '',
  ].join('\n');
}

function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function cell(text: string): string {
  return text.replaceAll(/(?<!\\)\|/g, '\\|');
}
