import { type HostName, HostName as HostNameSchema, SystemName } from '@nixfleet/contracts';
import { CliError } from '../cli-error.ts';
import { parseTyped } from '../parse-typed.ts';
import { printable } from '../printable.ts';

const systemDefault = SystemName.parse('x86_64-linux');

/**
 * Which system each host has, from `<system>` for all of them and `<host>=<system>` for one. What a tool's own files say of it
 * needs nixpkgs to be evaluated, host by host, so it is asked for.
 */
export class HostSystems {
  readonly #all: SystemName;
  readonly #single: ReadonlyMap<HostName, SystemName>;

  /** Throws `CliError` `usage` for a malformed one, and where two are said for the same. */
  constructor(texts: readonly string[]) {
    const all: SystemName[] = [];
    const single = new Map<HostName, SystemName>();
    for (const text of texts) {
      const [left = '', right] = text.split('=', 2);
      if (right === undefined) {
        all.push(parseTyped(SystemName, left, '--system'));
        continue;
      }
      const host = parseTyped(HostNameSchema, left, '--system');
      if (single.has(host)) throw new CliError('usage', `--system: ${host} twice`, 'say one system for a host');
      single.set(host, parseTyped(SystemName, right, '--system'));
    }
    if (all.length > 1) {
      throw new CliError(
        'usage',
        `--system: ${all.join(' and ')} for all hosts`,
        'write <host>=<system> for the others',
      );
    }
    this.#all = all[0] ?? systemDefault;
    this.#single = single;
  }

  of(host: HostName): SystemName {
    return this.#single.get(host) ?? this.#all;
  }

  /** Throws `CliError` `usage` for a host that is none of these: it would be written with the system of all. */
  requireKnown(names: Iterable<string>): void {
    const known = new Set(names);
    const unknown = [...this.#single.keys()].find((host) => !known.has(host));
    if (unknown === undefined) return;
    const listed = [...known].sort().map(printable).join(', ') || 'none';
    throw new CliError('usage', `--system: there is no host ${unknown}`, `found are ${listed}`);
  }
}
