// Writes the JSON Schemas of every signed document, event and wire message to docs/schemas/, or with --check fails if
// what is there differs. The zod schemas are the one source.
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { schemas } from './schemas.ts';

const folder = fileURLToPath(new URL('../docs/schemas/', import.meta.url));
const wanted = new Map(
  Object.entries(schemas).map(([name, schema]) => [
    `${name}.schema.json`,
    `${JSON.stringify(z.toJSONSchema(schema, { io: 'input', reused: 'ref' }), null, 2)}\n`,
  ]),
);

async function drift(): Promise<string[]> {
  const present = await readdir(folder).catch(() => []);
  const wrong: string[] = present.filter((file) => !wanted.has(file));
  for (const [file, text] of wanted) {
    if ((await readFile(folder + file, 'utf8').catch(() => null)) !== text) wrong.push(file);
  }
  return wrong;
}

const wrong = await drift();
if (process.argv.includes('--check')) {
  if (wrong.length > 0) {
    console.error(`docs/schemas/ differs from the sources (${wrong.join(', ')}): run \`make schemas\``);
    process.exitCode = 1;
  }
} else {
  await mkdir(folder, { recursive: true });
  for (const file of wrong) if (!wanted.has(file)) await rm(folder + file);
  for (const [file, text] of wanted) await writeFile(folder + file, text);
  console.error(`${wanted.size} schemas, ${wrong.length} changed`);
}
