import { join } from 'node:path';
import { evaluated, repositoryRoot } from './nix.ts';

export const optionPagesFolder = join(repositoryRoot, 'docs', 'options');

export const compliancePagesFolder = join(repositoryRoot, 'docs', 'compliance');

/** The pages of docs/options/ by file name, as the modules say them now. Needs no nixpkgs. */
export const optionPages = (): Promise<ReadonlyMap<string, string>> => pagesOf('reference', 'default.nix');

/** The generated pages of docs/compliance/ by file name. */
export const compliancePages = (): Promise<ReadonlyMap<string, string>> => pagesOf('compliance', 'pages.nix');

async function pagesOf(folder: string, file: string): Promise<ReadonlyMap<string, string>> {
  const pages = await evaluated({ file: join(repositoryRoot, 'nix', folder, file) });
  return new Map(Object.entries(pages as Record<string, string>).map(([name, text]) => [`${name}.md`, text]));
}
