import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findNixHalf } from '../nix-half.ts';
import type { CiKind, RepositoryAnswers } from './repository-answers.ts';

/** Where a forge looks for the workflow. */
const workflowPlaces: Readonly<Record<CiKind, string>> = {
  forgejo: '.forgejo/workflows/release.yml',
  github: '.github/workflows/release.yml',
  gitlab: '.gitlab-ci.yml',
};

/** The files of a new repository but for its host and its trust, by their path. */
export async function repositoryFiles(answers: RepositoryAnswers): Promise<ReadonlyMap<string, string>> {
  const templates = join(findNixHalf(), 'templates');
  const sources: readonly (readonly [string, string])[] = [
    ['flake.nix', 'fleet/flake.nix'],
    ['fleet.nix', 'fleet/fleet.nix'],
    ['.gitignore', 'fleet/.gitignore'],
    ['README.md', 'fleet/README.md'],
    [workflowPlaces[answers.ci], `ci/${answers.ci}.yml`],
  ];
  const files = new Map<string, string>();
  for (const [path, source] of sources) {
    files.set(path, filledIn(await readFile(join(templates, source), 'utf8'), answers));
  }
  files.set('operators.nix', operatorsFile(answers));
  return files;
}

/** The templates are a fleet in themselves; what it is called is replaced. */
function filledIn(template: string, answers: RepositoryAnswers): string {
  const replacements: readonly (readonly [string, string])[] = [
    ['git@git.example.org:acme/fleet.git#releases', answers.releases],
    ['https://control.example.org:8443', answers.controlPlane],
    ['https://cache.example.org', answers.cache],
    ['github:nixfleet/nixfleet"', `${answers.nixfleet}"`],
    ['fleet acme', `fleet ${answers.fleet}`],
    ['name = "acme"', `name = "${answers.fleet}"`],
    ['web-1', answers.host],
  ];
  return replacements.reduce((text, [from, to]) => text.replaceAll(from, () => to), template);
}

function operatorsFile({ operator }: RepositoryAnswers): string {
  const lines = operator === null ? [] : [`  ${operator.name}.pubkeys = [ "${operator.pubkey}" ];`];
  return [
    '# People who may read the control plane: `nixfleet status` and the like. They can change nothing; a commit does.',
    '{',
    ...lines,
    '}',
    '',
  ].join('\n');
}
