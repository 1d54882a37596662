import { ProbeError } from './errors.ts';
import type { Machine } from './machine.ts';
import { wildcardMatches } from './wildcard.ts';

/** What `sshd -T` prints: by setting in lower case, one value for each line. */
export type SshdSettings = ReadonlyMap<string, readonly string[]>;

/** One `Match` line: its criteria in lower case, in order. `all` has an empty value. */
export interface MatchBlock {
  readonly line: string;
  readonly criteria: readonly { readonly name: string; readonly value: string }[];
}

export const sshdConfigPath = '/etc/ssh/sshd_config';
const includeDepthMax = 16;
const includedFilesMax = 256;

export function parseSettings(text: string): SshdSettings {
  const settings = new Map<string, string[]>();
  for (const line of text.split('\n')) {
    const [, name, value] = /^(\S+)(?:\s+(.*))?$/.exec(line.trim()) ?? [];
    if (name === undefined) continue;
    const values = settings.get(name.toLowerCase()) ?? [];
    settings.set(name.toLowerCase(), values);
    values.push(value ?? '');
  }
  return settings;
}

/** The value of a setting that has one; throws `malformed` where `sshd -T` does not say it. */
export function settingOf(settings: SshdSettings, name: string): string {
  const [value] = settings.get(name) ?? [];
  if (value === undefined) throw new ProbeError('malformed', `sshd -T says nothing of ${name}`);
  return value;
}

/** The `Match` lines of a configuration and of what it includes (sshd_config(5)). */
export function readMatchBlocks(machine: Machine, path: string): MatchBlock[] {
  const blocks: MatchBlock[] = [];
  let files = 0;
  const visit = (at: string, depth: number): void => {
    const text = machine.read(at);
    if (text === null) throw new ProbeError('unreadable', `${at}: is not there`);
    files++;
    if (depth > includeDepthMax || files > includedFilesMax)
      throw new ProbeError(
        'oversized',
        `${at}: includes more files than ${includedFilesMax}, or deeper than ${includeDepthMax}`,
      );
    for (const line of text.split('\n')) {
      const [, keyword = '', rest = ''] = /^\s*([A-Za-z]+)(?:\s*=\s*|\s+)(.*?)\s*$/.exec(line) ?? [];
      if (keyword.toLowerCase() === 'match') blocks.push(parseMatch(rest));
      if (keyword.toLowerCase() === 'include')
        for (const pattern of wordsOf(rest)) for (const found of globbed(machine, pattern)) visit(found, depth + 1);
    }
  };
  visit(path, 0);
  return blocks;
}

export function parseMatch(rest: string): MatchBlock {
  const words = wordsOf(rest);
  const criteria: { name: string; value: string }[] = [];
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? '';
    // `User=ada` is the same as `User ada`.
    const [, name = word, joined] = /^([A-Za-z-]+)=(.*)$/.exec(word) ?? [];
    const isAlone = ['all', 'invalid-user', 'final', 'canonical'].includes(name.toLowerCase());
    criteria.push({ name: name.toLowerCase(), value: isAlone ? '' : (joined ?? words[++at] ?? '') });
  }
  return { line: rest, criteria };
}

/** Words, in double quotes or not; a comment ends them. */
export function wordsOf(text: string): string[] {
  const words: string[] = [];
  for (const [, quoted, bare] of text.matchAll(/"([^"]*)"|(\S+)/g)) {
    if (bare?.startsWith('#')) break;
    words.push(quoted ?? bare ?? '');
  }
  return words;
}

function globbed(machine: Machine, pattern: string): string[] {
  const path = pattern.startsWith('/') ? pattern : `/etc/ssh/${pattern}`;
  const cut = path.lastIndexOf('/');
  const [folder, last] = [path.slice(0, cut) || '/', path.slice(cut + 1)];
  if (/[*?[]/.test(folder) || /\[/.test(last))
    throw new ProbeError('malformed', `Include ${pattern}: only * and ? in the last part are known`);
  if (!/[*?]/.test(last)) return machine.status(path, { follow: true }) === null ? [] : [path];
  const names = machine.list(folder) ?? [];
  // As glob(7) has it, a leading dot is matched by a dot only.
  return names
    .filter((name) => !name.startsWith('.') && wildcardMatches(last, name))
    .map((name) => `${folder}/${name}`);
}
