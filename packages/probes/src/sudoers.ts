import { ProbeError } from './errors.ts';
import type { Machine } from './machine.ts';

/** One `who hosts=(as) tags: commands`, aliases resolved. */
export interface SudoRule {
  readonly who: readonly string[];
  readonly runAs: string;
  readonly tags: readonly string[];
  readonly commands: readonly string[];
  readonly text: string;
}

export interface Sudoers {
  /** Words of `Defaults`; a later one holds. What is for some only is not among them. */
  readonly defaults: ReadonlyMap<string, string>;
  /** `Defaults:ada !noexec` and its like. */
  readonly scoped: readonly string[];
  readonly rules: readonly SudoRule[];
}

const filesMax = 256;
const resolveDepthMax = 16;

/** /etc/sudoers with what it includes (sudoers(5)). Throws `malformed` for what it does not know: then nothing is measured. */
export function readSudoers(machine: Machine, path = '/etc/sudoers'): Sudoers {
  const defaults = new Map<string, string>();
  const scoped: string[] = [];
  const aliases = new Map<string, string[]>();
  const raw: { who: string; rest: string; text: string }[] = [];
  let files = 0;
  const visit = (at: string): void => {
    if (++files > filesMax) throw new ProbeError('oversized', `sudoers: more than ${filesMax} files`);
    const text = machine.read(at);
    if (text === null) throw new ProbeError('unreadable', `${at}: is not there`);
    for (const line of text.replaceAll('\\\n', ' ').split('\n')) {
      const [, how, target = ''] = /^\s*[@#](include|includedir)\s+"?([^"\s]+)"?\s*$/.exec(line) ?? [];
      if (how === 'include') visit(target.startsWith('/') ? target : `/etc/${target}`);
      else if (how === 'includedir')
        for (const name of machine.list(target) ?? []) {
          // sudo leaves out names with a dot and editors' copies.
          if (!name.includes('.') && !name.endsWith('~')) visit(`${target}/${name}`);
        }
      else readLine(line.replace(/(^|\s)#(?!\d).*$/, '').trim());
    }
  };
  const readLine = (line: string): void => {
    if (line === '') return;
    const [, scope = '', words] = /^Defaults(\S*)\s+(.*)$/.exec(line) ?? [];
    if (words !== undefined) {
      if (scope !== '') scoped.push(line);
      else for (const [, word = ''] of words.matchAll(/((?:[^,"\\]|\\.|"[^"]*")+)/g)) addDefault(defaults, word.trim());
      return;
    }
    const [, kind, definitions = ''] = /^(User|Runas|Host|Cmnd|Cmd)_Alias\s+(.*)$/.exec(line) ?? [];
    if (kind !== undefined) {
      for (const one of definitions.split(':')) {
        const [name = '', values = ''] = one.split(/=(.*)/s);
        aliases.set(`${kind.replace('Cmd', 'Cmnd')} ${name.trim()}`, splitList(values));
      }
      return;
    }
    const [, who = '', rest] = /^(\S+(?:\s*,\s*\S+)*)\s+(\S.*)$/.exec(line) ?? [];
    if (rest === undefined || !rest.includes('=')) throw new ProbeError('malformed', `sudoers: ${line.slice(0, 80)}`);
    raw.push({ who, rest, text: line });
  };
  visit(path);
  const resolve = (kind: string, names: readonly string[], depth = 0): string[] =>
    names.flatMap((name) => {
      const found = aliases.get(`${kind} ${name.replace(/^!/, '')}`);
      if (!found || depth > resolveDepthMax) return [name];
      const inner = resolve(kind, found, depth + 1);
      return name.startsWith('!') ? inner.map((one) => `!${one}`) : inner;
    });
  const rules = raw.flatMap(({ who, rest, text }) =>
    // `ada ALL=(root) A, (bob) B : HOST = C`: each part of its own.
    rest.split(/\s:\s/).flatMap((part) => {
      const specs = part.slice(part.indexOf('=') + 1);
      let runAs = 'root';
      let tags: string[] = [];
      return splitList(specs).map((spec): SudoRule => {
        const [, as, more = ''] = /^(?:\(([^)]*)\)\s*)?(.*)$/s.exec(spec) ?? [];
        if (as !== undefined) runAs = as.trim() || 'root';
        let command = more;
        for (let tag = /^([A-Z_]+):\s*/.exec(command); tag; tag = /^([A-Z_]+):\s*/.exec(command)) {
          tags = [
            ...tags.filter((one) => one.replace(/^NO/, '') !== (tag?.[1] ?? '').replace(/^NO/, '')),
            tag[1] ?? '',
          ];
          command = command.slice(tag[0].length);
        }
        return { who: resolve('User', splitList(who)), runAs, tags, commands: resolve('Cmnd', [command]), text };
      });
    }),
  );
  return { defaults, scoped, rules };
}

function addDefault(defaults: Map<string, string>, word: string): void {
  const [, not, name = '', value] = /^(!?)\s*(\w+)\s*(?:[+-]?=\s*(.*))?$/.exec(word) ?? [];
  if (name !== '') defaults.set(name, not === '!' ? 'off' : (value?.replace(/^"(.*)"$/, '$1') ?? 'on'));
}

/** Divided by commas that are not escaped, nor within `(…)`. */
function splitList(text: string): string[] {
  return [...text.matchAll(/((?:\([^)]*\)|\\.|[^,\\])+)/g)].map(([one]) => one.trim()).filter(Boolean);
}

/** Whether a command can be anything: ALL, a folder, a wildcard in its path. */
export function isAnyCommand(command: string): boolean {
  const [path = ''] = command.split(/\s+/);
  return path === 'ALL' || path.endsWith('/') || /[*?]/.test(path);
}
