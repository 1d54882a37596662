import { readdirSync, readFileSync } from 'node:fs';
import { AgentRefusalCode, WithheldCode } from '@nixfleet/contracts';

/** Inside `packages/`: where planner and agent say why something does not start, and where documents are refused. */
const folders = ['engine/src', 'agent/src', 'contracts/src'] as const;
/** Of contracts only what an agent verifies; and what says a reason without holding anybody up. */
const isRead = (folder: string, file: string): boolean =>
  !file.endsWith('.test.ts') &&
  file !== 'describe-withheld.ts' &&
  (folder !== 'contracts/src' ||
    /^(verify-(?!events|resume)|walk-trust|signer-count|trust-keys|parse-document)/.test(file));

const codes: ReadonlySet<string> = new Set([...WithheldCode.options, ...AgentRefusalCode.options]);
const said = /(?:\b(?:code|reason|refusal): |\brefuse\(\s*|#refuse\(go, |\bstop\('[a-z]+', )'([a-z-]+)'/g;

/** Every place in the sources that gives a reason of the closed unions: `<file>: <reason>`, sorted. */
export function gateSites(): readonly string[] {
  const sites = new Set<string>();
  for (const folder of folders) {
    const directory = new URL(`../../${folder}/`, import.meta.url);
    for (const file of readdirSync(directory)) {
      if (!file.endsWith('.ts') || !isRead(folder, file)) continue;
      for (const [, code = ''] of readFileSync(new URL(file, directory), 'utf8').matchAll(said)) {
        if (codes.has(code)) sites.add(`${file}: ${code}`);
      }
    }
  }
  return [...sites].sort();
}
