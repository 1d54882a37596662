import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { nodeCrypto } from '@nixfleet/contracts/node-crypto';
import { corpusNames, corpusOf } from './corpus.ts';
import { formats } from './formats.ts';

// What was once released stays readable, and what was refused stays refused for the same reason: files are added, and
// none is changed.
describe('the corpus', () => {
  test('has a folder of each format, and no other', () => {
    assert.deepEqual(corpusNames(), formats.map(({ name }) => name).sort());
  });

  for (const format of formats) {
    test(`${format.name}: each file has exactly its outcome`, async () => {
      const files = corpusOf(format.name);
      const accepted = files.filter(({ reason }) => reason === null);
      assert.ok(accepted.length > 0, `vectors/corpus/${format.name}/valid/ is empty: put a valid file there`);
      assert.ok(files.length > accepted.length, `vectors/corpus/${format.name}/invalid/<reason>/ is empty`);
      for (const { path, bytes, reason } of files) {
        const outcome = await format.read(bytes, nodeCrypto);
        const found = outcome.ok ? 'accepted' : outcome.reason;
        assert.equal(found, reason ?? 'accepted', `${path}: ${outcome.ok ? '' : outcome.detail}`);
      }
    });
  }
});
