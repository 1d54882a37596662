import { ProbeError } from './errors.ts';
import type { Machine } from './machine.ts';

/** One line of /etc/passwd. */
export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
  readonly shell: string;
}

/** One line of /etc/group. */
export interface Group {
  readonly name: string;
  readonly gid: number;
  readonly members: readonly string[];
}

/** One line of /etc/shadow. */
export interface ShadowEntry {
  readonly name: string;
  /** Empty: no password is asked for. Beginning with `!` or `*`: locked. */
  readonly hash: string;
  /** Days since 1970 on which the account ends; null: never. */
  readonly expiresDay: number | null;
}

const linesMax = 10_000;

/** First user id that is a person's, as NixOS, Debian and systemd have it; and the last. */
export const personUids = { first: 1000, last: 60_000 } as const;

export function parsePasswd(text: string): Account[] {
  return records(text, 'passwd', 7).map(([name = '', , uid = '', gid = '', , home = '', shell = '']) => ({
    name,
    uid: idOf(uid, name),
    gid: idOf(gid, name),
    home,
    shell,
  }));
}

export function parseGroup(text: string): Group[] {
  return records(text, 'group', 4).map(([name = '', , gid = '', members = '']) => ({
    name,
    gid: idOf(gid, name),
    members: members.split(',').filter(Boolean),
  }));
}

export function parseShadow(text: string): ShadowEntry[] {
  return records(text, 'shadow', 9).map(([name = '', hash = '', , , , , , expires = '']) => ({
    name,
    hash,
    expiresDay: expires === '' ? null : idOf(expires, name),
  }));
}

export function readAccounts(machine: Machine): Account[] {
  return parsePasswd(required(machine, '/etc/passwd'));
}

export function readGroups(machine: Machine): Group[] {
  return parseGroup(required(machine, '/etc/group'));
}

/** Needs root. */
export function readShadow(machine: Machine): ShadowEntry[] {
  return parseShadow(required(machine, '/etc/shadow'));
}

/** Members of a group: those it lists and those whose first group it is. */
export function membersOf(group: Group, accounts: readonly Account[]): string[] {
  const first = accounts.filter(({ gid }) => gid === group.gid).map(({ name }) => name);
  return [...new Set([...group.members, ...first])].sort();
}

/** A shell that lets nobody work. An empty one is /bin/sh (passwd(5)). */
export function isNologin(shell: string): boolean {
  return /\/(?:nologin|false|true|sync|halt|shutdown)$/.test(shell);
}

/** Throws `unreadable` where a file that every system has is not there. */
export function required(machine: Machine, path: string): string {
  const text = machine.read(path);
  if (text === null) throw new ProbeError('unreadable', `${path}: is not there`);
  return text;
}

function records(text: string, file: string, fields: number): string[][] {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  if (lines.length > linesMax) throw new ProbeError('oversized', `${file}: expected at most ${linesMax} lines`);
  return lines.map((line) => {
    const parts = line.split(':');
    if (parts.length !== fields)
      throw new ProbeError('malformed', `${file}: expected ${fields} fields in the line of ${parts[0]}`);
    return parts;
  });
}

function idOf(text: string, name: string): number {
  if (!/^\d{1,10}$/.test(text)) throw new ProbeError('malformed', `${name}: expected a number, got ${text}`);
  return Number(text);
}
