import { join } from 'node:path';
import { evaluated, repositoryRoot } from './nix.ts';

export const referencePath = join(repositoryRoot, 'docs', 'fleet-nix.md');

const heading = '## Option reference\n';

/** The page with its option reference, its last section, as the schema says it now. Throws without that section. */
export async function withReference(page: string): Promise<string> {
  const start = page.indexOf(heading);
  if (start === -1) throw new Error(`docs/fleet-nix.md has no section "${heading.trim()}"`);
  const reference = (await evaluated({ file: join(repositoryRoot, 'nix', 'fleet', 'reference.nix') })) as string;
  const note = 'Generated from `nix/fleet/schema.nix` by `tests/nix/write-golden.ts`; a test compares them.';
  return `${page.slice(0, start)}${heading}\n${note}\n\n${reference.trimEnd()}\n`;
}
