// Writes the reference of the probes into packages/probes/README.md, between its marks.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { probeLoaders, probeTable } from '@nixfleet/probes';

const path = join(import.meta.dirname, '../packages/probes/README.md');
const [begin, end] = [
  '<!-- probes: written by scripts/write-probe-table.ts -->\n',
  '<!-- end of probes -->\n',
] as const;
const text = readFileSync(path, 'utf8');
const [before, after] = [text.indexOf(begin), text.indexOf(end)];
if (before === -1 || after === -1) throw new Error(`${path}: expected the marks ${begin}${end}`);
const probes = await Promise.all([...probeLoaders.values()].map((load) => load()));
writeFileSync(path, `${text.slice(0, before + begin.length)}\n${probeTable(probes)}\n${text.slice(after)}`);
