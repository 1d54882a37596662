import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { test } from 'node:test';
import { closeTheWorld } from './guard.ts';

test('inside, whatever reaches for the world past a port fails by name; afterwards all is as it was', () => {
  const reaches: readonly (() => unknown)[] = [
    () => setTimeout(() => {}, 1),
    () => Date.now(),
    () => new Date(),
    () => Math.random(),
    () => performance.now(),
    () => globalThis.crypto.subtle.digest('SHA-256', new Uint8Array()),
    () => readFile('/etc/hostname'),
    () => connect(1),
    () => fetch('https://example.org/'),
  ];
  {
    using _closed = closeTheWorld();
    for (const reach of reaches) assert.throws(reach, /inside a simulation/, String(reach));
    assert.equal(new Date(0).toISOString(), '1970-01-01T00:00:00.000Z', 'arithmetic is free');
  }
  assert.ok(Date.now() > 0 && new Date().getFullYear() > 2000 && Math.random() < 1 && randomBytes(1).length === 1);
});
