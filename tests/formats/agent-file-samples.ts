import { utf8 } from './format.ts';
import type { Samples } from './samples.ts';

const hash = 'ab'.repeat(32);
const until = '2026-06-01T12:00:00Z';
const floors = {
  schemaVersion: 1,
  trust: { version: 1, sha256: hash },
  release: { version: 7, sha256: hash },
  head: { version: 9, sha256: hash, keyIds: [hash] },
  accepted: { stable: 5 },
  time: until,
};
const hold = { until, reason: 'a person works on it' };
const context = {
  schemaVersion: 1,
  fleet: 'demo',
  host: 'web-1',
  closure: '/nix/store/0123456789abcdfghijklmnpqrsvwxyz-nixos-system-one',
  closureDigest: hash,
  release: {
    releaseId: hash,
    rolloutId: hash,
    channel: 'stable',
    sourceCommit: 'ab'.repeat(20),
    artifactSha256: hash,
  },
  mode: 'enforce',
  channel: 'stable',
  tags: ['web'],
  waivers: [],
  waiverRegister: null,
};
const released = { schemaVersion: 1, contexts: [context] };
const record = `to=/nix/store/0123456789abcdfghijklmnpqrsvwxyz-nixos-system-one
kind=switch
deadline=4200
boot=01234567-89ab-cdef-0123-456789abcdef
seconds=120
boots=0
`;

const json = (value: unknown): Uint8Array => utf8(JSON.stringify(value));

function broken(good: object): Record<string, Uint8Array> {
  const text = JSON.stringify(good);
  return {
    'empty.json': new Uint8Array(),
    'truncated.json': utf8(text.slice(0, -1)),
    'two.json': utf8(text + text),
    'byte-order-mark.json': new Uint8Array([0xef, 0xbb, 0xbf, ...utf8(text)]),
    'zeros.json': new Uint8Array(text.length),
  };
}

export const agentFileSamples: ReadonlyMap<string, Samples> = new Map([
  [
    'agent-floors',
    {
      valid: {
        'whole.json': json(floors),
        'first.json': json({ ...floors, trust: null, release: null, head: null, accepted: {}, time: null }),
        'prototype-as-a-channel.json': utf8(JSON.stringify(floors).replace('"stable"', '"constructor"')),
      },
      invalid: {
        malformed: broken(floors),
        invalid: {
          'of-another-version.json': json({ ...floors, schemaVersion: 2 }),
          'a-floor-that-is-not-known.json': json({ ...floors, root: { version: 1, sha256: hash } }),
          'no-release.json': json({ ...floors, release: undefined }),
          'a-version-as-text.json': json({ ...floors, release: { version: '7', sha256: hash } }),
          'below-every-version.json': json({ ...floors, accepted: { stable: 0 } }),
          'null.json': utf8('null'),
        },
      },
    },
  ],
  [
    'agent-released-contexts',
    {
      valid: {
        'one.json': json(released),
        'none.json': json({ schemaVersion: 1, contexts: [] }),
        'of-no-release.json': json({
          schemaVersion: 1,
          contexts: [{ ...context, release: null, closureDigest: null }],
        }),
      },
      invalid: {
        malformed: broken(released),
        invalid: {
          'of-another-version.json': json({ ...released, schemaVersion: 2 }),
          'more-than-a-host-goes-back-to.json': json({ ...released, contexts: [context, context, context] }),
          'a-closure-outside-of-the-store.json': json({ ...released, contexts: [{ ...context, closure: '/etc' }] }),
          'null.json': utf8('null'),
        },
      },
    },
  ],
  [
    'agent-local-hold',
    {
      valid: { 'plain.json': json(hold), 'unknown-optional-field.json': json({ ...hold, zzFutureField: 1 }) },
      invalid: {
        malformed: broken(hold),
        invalid: {
          'no-reason.json': json({ until }),
          'an-empty-reason.json': json({ until, reason: '' }),
          'a-local-time.json': json({ ...hold, until: '2026-06-01T12:00:00+02:00' }),
          'list.json': json([hold]),
        },
      },
    },
  ],
  [
    'agent-switch-record',
    {
      valid: {
        'armed.txt': utf8(record),
        'after-a-boot.txt': utf8(record.replace('kind=switch', 'kind=boot').replace('boots=0', 'boots=1')),
        'where-to-alone.txt': utf8(`${record.split('\n')[0]}\n`),
      },
      invalid: {
        refused: {
          'empty.txt': new Uint8Array(),
          'zeros.txt': new Uint8Array(record.length),
          'nowhere-to-go.txt': utf8(record.replace(/^to=.*$/m, 'to=')),
          'outside-the-store.txt': utf8(record.replace('/nix/store/', '/tmp/')),
          'out-of-the-store.txt': utf8(record.replace('-nixos-system-one', '-one/../../../tmp/x')),
        },
      },
    },
  ],
]);
