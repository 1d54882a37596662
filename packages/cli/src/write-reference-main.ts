// Writes docs/cli.md from the command definitions.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cliReference } from './reference.ts';

await writeFile(join(import.meta.dirname, '..', '..', '..', 'docs', 'cli.md'), cliReference());
