// Adds to vectors/corpus what is not there yet; what is there is never changed: it was released once.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { corpusDirectory } from './corpus.ts';
import { samples } from './samples.ts';

let added = 0;
function add(path: string, bytes: Uint8Array): void {
  const file = join(corpusDirectory, path);
  if (existsSync(file)) return;
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, bytes);
  added++;
}

for (const [format, { valid, invalid }] of await samples()) {
  for (const [name, bytes] of Object.entries(valid)) add(`${format}/valid/${name}`, bytes);
  for (const [reason, files] of Object.entries(invalid)) {
    for (const [name, bytes] of Object.entries(files)) add(`${format}/invalid/${reason}/${name}`, bytes);
  }
}
console.error(`vectors/corpus: ${added} files added`);
