import { join } from 'node:path';
import { evaluated, repositoryRoot } from './nix.ts';

export const optionPagesFolder = join(repositoryRoot, 'docs', 'options');

/** The pages of docs/options/ by file name, as the modules say them now. Needs no nixpkgs. */
export async function optionPages(): Promise<ReadonlyMap<string, string>> {
  const pages = await evaluated({ file: join(repositoryRoot, 'nix', 'reference', 'default.nix') });
  return new Map(Object.entries(pages as Record<string, string>).map(([name, text]) => [`${name}.md`, text]));
}
