import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseControlPlaneConfig } from './config.ts';
import { ControlPlaneError } from './errors.ts';

const least = {
  trust: '/etc/nixfleet/trust.json',
  tlsKey: '/run/credentials/tls.pem',
  release: { kind: 'git', url: 'https://git.example.org/fleet.git' },
  stateDirectory: '/var/lib/nixfleet',
};

test('the least there must be, and what is filled in', () => {
  assert.deepEqual(parseControlPlaneConfig(least), {
    ...least,
    release: { kind: 'git', url: 'https://git.example.org/fleet.git', branch: 'releases', path: '' },
    listen: { host: '::', port: 8443 },
    pollSeconds: 30,
    rebuildSecondsMax: 120,
    offlineAfterSeconds: 150,
    evidence: { days: 730, hostBytesMax: 256 * 1024 * 1024 },
    limits: {},
  });
});

const wrong: readonly [string, object, RegExp][] = [
  ['an unknown setting', { ...least, trustt: 1 }, /trustt/],
  ['an unknown limit', { ...least, limits: { requests: 1 } }, /limits/],
  ['a missing one', { ...least, tlsKey: undefined }, /tlsKey/],
  ['another kind of source', { ...least, release: { kind: 'ftp', url: 'x' } }, /release/],
  [
    'a URL that git would take for an option',
    { ...least, release: { kind: 'git', url: '--upload-pack=x' } },
    /release.url/,
  ],
  ['a branch that is an option', { ...least, release: { ...least.release, branch: '-x' } }, /release.branch/],
  ['a folder outside', { ...least, release: { ...least.release, path: 'a/../..' } }, /release.path/],
  ['plain http to elsewhere', { ...least, release: { kind: 'https', url: 'http://example.org/' } }, /release.url/],
  [
    'a password where everybody reads it',
    { ...least, database: { url: 'postgres://a:secret@db/fleet' } },
    /database.url: must hold no password(?!.*secret)/,
  ],
  ['another kind of database', { ...least, database: { url: 'mysql://a@db/fleet' } }, /database.url/],
  ['a port that is none', { ...least, listen: { port: 70000 } }, /listen.port/],
];
for (const [name, value, expected] of wrong) {
  test(`refused: ${name}`, () => {
    assert.throws(
      () => parseControlPlaneConfig(value),
      (error) => error instanceof ControlPlaneError && error.code === 'bad-config' && expected.test(error.message),
    );
  });
}
