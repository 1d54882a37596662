// Writes the table of attacks into docs/security.md.
import { writeFile } from 'node:fs/promises';
import { readSecurityPage, securityPage, withAttackTable } from './table.ts';

await writeFile(securityPage, withAttackTable(await readSecurityPage()));
