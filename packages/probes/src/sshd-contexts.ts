import { type Account, type Group, isNologin, membersOf, readAccounts, readGroups } from './accounts.ts';
import { ProbeError } from './errors.ts';
import type { Machine } from './machine.ts';
import type { Violation } from './probe.ts';
import { type MatchBlock, parseSettings, readMatchBlocks, type SshdSettings } from './sshd-settings.ts';
import { patternListMatches } from './wildcard.ts';

/** A connection, as `sshd -T -C` takes it. */
export interface SshdContext {
  readonly user: string;
  readonly host: string;
  readonly addr: string;
  readonly laddr: string;
  readonly lport: string;
}

export interface EffectiveSettings {
  readonly context: SshdContext;
  readonly settings: SshdSettings;
}

/** Most connections that are tried; more is an error, never a sample. */
export const contextsMax = 96;
/** A peer that no block is about (RFC 5737), its name, and where it connects to. */
const stranger = { host: 'stranger.invalid', addr: '203.0.113.7', laddr: '192.0.2.1', lport: '22' } as const;
/** Criteria that a connection for `-C` can be made for. `exec` would run a program. */
const known = new Set(['all', 'user', 'group', 'host', 'address', 'localaddress', 'localport']);

/** What a daemon was found to do other than its configuration says. */
export const sshdViolations = ['match-not-measurable', 'daemon-options'] as const;

/**
 * One connection for each way the blocks can tell connections apart: users that are told apart by `User` and `Group`, and
 * for each address, host and port that a block names one that it is about.
 */
export function contextsOf(
  blocks: readonly MatchBlock[],
  accounts: readonly Account[],
  groups: readonly Group[],
): SshdContext[] {
  const users = distinctUsers(blocks, accounts, groups);
  const valuesOf = (criterion: string, neutral: string): string[] => {
    const lists = blocks.flatMap(({ criteria }) => criteria.filter(({ name }) => name === criterion));
    const examples = lists.flatMap(({ value }) => value.split(',').map((pattern) => exampleOf(pattern)));
    return [...new Set([neutral, ...examples])];
  };
  let contexts: SshdContext[] = users.map((user) => ({ user, ...stranger }));
  const spread = (key: keyof SshdContext, values: readonly string[]): void => {
    contexts = contexts.flatMap((context) => values.map((value) => ({ ...context, [key]: value })));
    if (contexts.length > contextsMax)
      throw new ProbeError('oversized', `Match tells more than ${contextsMax} kinds of connections apart`);
  };
  spread('addr', valuesOf('address', stranger.addr));
  spread('host', valuesOf('host', stranger.host));
  spread('laddr', valuesOf('localaddress', stranger.laddr));
  spread('lport', valuesOf('localport', stranger.lport));
  return contexts;
}

/** The settings that `sshd` itself says hold for each kind of connection. Needs root, for the host keys. */
export async function effectiveSettings(
  machine: Machine,
  config: string,
): Promise<{ readonly effective: readonly EffectiveSettings[]; readonly violations: readonly Violation[] }> {
  const blocks = readMatchBlocks(machine, config);
  const unknown = blocks.flatMap(({ line, criteria }) =>
    criteria
      .filter(({ name }) => !known.has(name))
      .map(({ name }): Violation => ({ what: 'match-not-measurable', subject: line, observed: name })),
  );
  const effective: EffectiveSettings[] = [];
  for (const context of contextsOf(blocks, readAccounts(machine), readGroups(machine))) {
    const spec = Object.entries(context).map(([key, value]) => `${key}=${value}`);
    const { stdout } = await machine.run(['sshd', '-T', '-f', config, '-C', spec.join(',')]);
    effective.push({ context, settings: parseSettings(stdout) });
  }
  return { effective, violations: [...unknown, ...daemonOptions(machine, config)] };
}

/** Running daemons that were given settings on their command line, or another configuration. */
function daemonOptions(machine: Machine, config: string): Violation[] {
  const found: Violation[] = [];
  for (const pid of machine.list('/proc') ?? []) {
    if (!/^\d+$/.test(pid) || machine.read(`/proc/${pid}/comm`)?.trim() !== 'sshd') continue;
    const line = (machine.read(`/proc/${pid}/cmdline`) ?? '').replaceAll('\0', ' ');
    if (!line.includes('[listener]')) continue;
    const other = /\s-f\s*(\S+)/.exec(line)?.[1];
    if (/\s-o\s*\S/.test(line) || (other !== undefined && other !== config))
      found.push({ what: 'daemon-options', subject: 'sshd', observed: line.trim() });
  }
  return found;
}

/** People who can log in, root too, one of each set of blocks that are about them; and somebody unknown. */
function distinctUsers(
  blocks: readonly MatchBlock[],
  accounts: readonly Account[],
  groups: readonly Group[],
): string[] {
  const criteria = blocks.flatMap((block) => block.criteria);
  const named = criteria.flatMap(({ name, value }) => (name === 'user' ? value.split(',') : []));
  const real = accounts.filter(({ shell }) => !isNologin(shell)).map(({ name }) => name);
  const groupsOf = new Map<string, string[]>();
  for (const group of groups)
    for (const member of membersOf(group, accounts))
      groupsOf.set(member, [...(groupsOf.get(member) ?? []), group.name]);
  const representatives = new Map<string, string>();
  for (const user of [...real, ...named.filter((pattern) => /^[\w.-]+$/.test(pattern))]) {
    const seen = criteria.map(({ name, value }) => {
      // What comes after the @ is the host's, and is tried on its own.
      if (name === 'user') return patternListMatches(value.replaceAll(/@[^,]*/g, ''), user);
      return name === 'group' && (groupsOf.get(user) ?? []).some((group) => patternListMatches(value, group));
    });
    // PermitRootLogin and its like are about root alone.
    const key = JSON.stringify([user === 'root', ...seen]);
    if (!representatives.has(key)) representatives.set(key, user);
  }
  return [...representatives.values()];
}

/** A value that a pattern is about: an address of a network, or a name. */
function exampleOf(pattern: string): string {
  const positive = pattern.replace(/^!/, '');
  const network = /^([0-9a-fA-F.:]+)\/\d+$/.exec(positive)?.[1];
  if (network !== undefined) return network;
  return positive.replaceAll('*', '1').replaceAll('?', '1');
}
