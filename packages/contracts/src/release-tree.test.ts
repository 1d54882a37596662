import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseSignaturePath, signaturePath, trustPath } from './release-tree.ts';

test('a signature lies beside what it signs, under its key', () => {
  const keyId = 'a'.repeat(64);
  for (const kind of ['sig', 'sshsig'] as const) {
    const path = signaturePath(trustPath(7), keyId, kind);
    assert.equal(path, `trust/7.json.${keyId}.${kind}`);
    assert.deepEqual(parseSignaturePath(path), { path: 'trust/7.json', keyId, kind });
  }
  for (const path of [
    'head.json',
    `head.json.${keyId}`,
    `head.json.${keyId}.SIG`,
    `.${keyId}.sig`,
    `a.${'g'.repeat(64)}.sig`,
  ]) {
    assert.equal(parseSignaturePath(path), null);
  }
});
