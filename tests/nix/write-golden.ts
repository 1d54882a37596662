/**
 * Writes what the tests of this folder compare with: resolved fixtures, messages and the pages of docs/options/ and docs/compliance/. Format it,
 * and read the difference before it is committed.
 */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fixtureNames, fixturePath, refusals } from './fixtures.ts';
import { evaluated } from './nix.ts';
import { compliancePages, compliancePagesFolder, optionPages, optionPagesFolder } from './option-pages.ts';

const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

for (const name of await fixtureNames()) {
  const resolved = await evaluated({ file: fixturePath(name, 'nix') }, 'resolved');
  await writeFile(fixturePath(name, 'json'), json(resolved));
}
await writeFile(join(import.meta.dirname, 'refused.json'), json(await refusals()));
await rm(optionPagesFolder, { recursive: true, force: true });
await mkdir(optionPagesFolder);
for (const [file, page] of await optionPages()) await writeFile(join(optionPagesFolder, file), page);
for (const [file, page] of await compliancePages()) await writeFile(join(compliancePagesFolder, file), page);
