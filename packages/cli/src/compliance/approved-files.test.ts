import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { sshsigCharactersMax } from '@nixfleet/contracts';
import { nextId, readApprovedFiles, writeApprovedFile } from './approved-files.ts';

const keyId = 'ab'.repeat(32);

test('files are numbered and read by their identifier, with their own signatures, and nothing else of the folder', async (t) => {
  const root = await mkdtemp(join(tmpdir(), 'nixfleet-approved-'));
  t.after(() => rm(root, { recursive: true }));
  const folder = join(root, 'waivers');
  const all = { letter: 'W', bytesMax: 100 } as const;
  assert.deepEqual(await readApprovedFiles(folder, all), []);
  assert.equal(await nextId(folder, 'W', '2026'), 'W-2026-0001');
  for (const id of ['W-2026-0009', 'W-2026-0011', 'W-2025-0400', 'D-2026-0500'])
    await writeApprovedFile(folder, { id });
  await assert.rejects(writeApprovedFile(folder, { id: 'W-2026-0009' }), { code: 'EEXIST' });
  const beside = {
    [`W-2026-0011.json.${keyId}.sshsig`]: 'its own',
    [`W-2026-0011.json.${'cd'.repeat(32)}.sshsig`]: 'x'.repeat(sshsigCharactersMax + 1),
    [`W-2026-0011.json.old.${keyId}.sshsig`]: 'of a copy',
    [`W-2026-0012.json.${keyId}.sshsig`]: 'of what is gone',
    'W-2026-0013.json~': '',
    'xW-2026-0014.json': '',
  };
  for (const [name, text] of Object.entries(beside)) await writeFile(join(folder, name), text);
  assert.equal(await nextId(folder, 'W', '2026'), 'W-2026-0012');
  assert.equal(await nextId(folder, 'W', '2027'), 'W-2027-0001');
  const read = await readApprovedFiles(folder, all);
  assert.deepEqual(
    read.map(({ id, path, sshSignatures }) => [id, path, [...sshSignatures]]),
    [
      ['W-2025-0400', join(folder, 'W-2025-0400.json'), []],
      ['W-2026-0009', join(folder, 'W-2026-0009.json'), []],
      ['W-2026-0011', join(folder, 'W-2026-0011.json'), [[keyId, 'its own']]],
    ],
  );
  await assert.rejects(readApprovedFiles(folder, { letter: 'W', bytesMax: 10 }), /W-2025-0400\.json: too large/);
  await mkdir(join(root, 'file'));
  await writeFile(join(root, 'file', 'waivers'), '');
  await assert.rejects(nextId(join(root, 'file', 'waivers'), 'W', '2026'), /waivers: cannot be read/);
});
