import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CommandResult } from '../run-command.ts';
import { whatKeepsUp } from './reboot-obstacle.ts';

interface Said {
  readonly stdout?: string;
  readonly exitCode?: number | null;
  readonly excerpt?: string;
}

const noLocks = { stdout: '{"type":"a(ssssuu)","data":[[]]}' };
const lock = (what: string, mode: string) => ({
  stdout: JSON.stringify({ type: 'a(ssssuu)', data: [[[what, 'backup', 'dump', mode, 0, 17]]] }),
});
const session = (kind: string, state: string) => ({ stdout: `Name=alice\nClass=${kind}\nState=${state}\n` });

/** loginctl prints a property for each option, and nothing for a list of them. */
function onlyAsked(all: string, args: readonly string[]): string {
  const lines = all.split('\n').filter((line) => args.includes(`--property=${line.split('=')[0]}`));
  return `${lines.join('\n')}\n`;
}

/** As the programs of systemd 252 to 258 say it, by the program and its first word. */
function keeper(said: Readonly<Record<string, Said>>): Promise<string | null> {
  const query = async ([program, ...args]: readonly [string, ...string[]]): Promise<CommandResult> => {
    const key = program === 'busctl' ? 'locks' : (args[0] ?? '');
    const { stdout: all = '', exitCode = 0, excerpt = all } = said[key] ?? {};
    const stdout = args[0] === 'show-session' ? onlyAsked(all, args) : all;
    const output = { exitCode, durationMs: 1, outputSha256: '0'.repeat(64) as never, excerpt };
    return { exitCode, stdout, stdoutBytes: new Uint8Array(), output, ended: exitCode === null ? 'timeout' : 'exit' };
  };
  return whatKeepsUp({ query });
}

test('a lock that blocks a shutdown is named with its reason; others are none', async () => {
  for (const [what, mode] of [
    ['shutdown', 'block'],
    ['sleep:shutdown', 'block-weak'],
  ] as const) {
    assert.equal(await keeper({ locks: lock(what, mode) }), 'backup inhibits a shutdown: dump');
  }
  for (const [what, mode] of [
    ['sleep', 'block'],
    ['shutdown', 'delay'],
  ] as const) {
    assert.equal(await keeper({ locks: lock(what, mode) }), null, `${what} ${mode}`);
  }
});

test('a person counts, root of systemd 256 and later too; services, greeters and who is leaving do not', async () => {
  const listed = { stdout: '     12    0 alice        pts/0\n' };
  const of = (kind: string, state: string) =>
    keeper({ locks: noLocks, 'list-sessions': listed, 'show-session': session(kind, state) });
  for (const kind of ['user', 'user-early', 'user-light', 'user-early-light']) {
    for (const state of ['active', 'online']) assert.equal(await of(kind, state), 'alice is logged in', kind);
    assert.equal(await of(kind, 'closing'), null);
  }
  for (const kind of ['manager', 'manager-early', 'background', 'greeter'])
    assert.equal(await of(kind, 'active'), null);
  assert.equal(await keeper({ locks: noLocks, 'list-sessions': {} }), null);
});

test('where there is no logind there is nobody to wait for; where it does not answer nobody can say so', async () => {
  for (const excerpt of [
    'Call failed: The name org.freedesktop.login1 was not provided by any .service files',
    'Call failed: Unit dbus-org.freedesktop.login1.service not found.',
    'Call failed: The name org.freedesktop.login1 is not activatable',
    'Failed to connect to bus: No such file or directory',
  ]) {
    assert.equal(await keeper({ locks: { exitCode: 1, excerpt }, 'list-sessions': { exitCode: 1, excerpt } }), null);
  }
  const silent = /^nobody can say who inhibits a shutdown, or is logged in: /;
  assert.match((await keeper({ locks: { exitCode: null, excerpt: '' } })) ?? '', silent);
  assert.match((await keeper({ locks: { exitCode: 1, excerpt: 'Connection timed out' } })) ?? '', silent);
  const noList = { locks: noLocks, 'list-sessions': { exitCode: 1, excerpt: 'Connection timed out' } };
  assert.match((await keeper(noList)) ?? '', silent);
  assert.match((await keeper({ locks: { stdout: '{"data":[{}]}' } })) ?? '', /in another form/);
});
