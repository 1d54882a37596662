import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { documentBytesMax, type FleetDocument, type FleetName, type Instant, pinTrust } from '@nixfleet/contracts';
import { nodeCrypto } from '@nixfleet/contracts/node-crypto';
import { type Commands, openGit } from '@nixfleet/release';
import { checkTimes } from './check-times.ts';
import { evaluateRepository } from './evaluate-repository.ts';
import type { Finding } from './finding.ts';
import { findPrivateKeys } from './private-keys.ts';

export interface RepositoryReport {
  readonly findings: readonly Finding[];
  /** Null if the fleet does not evaluate. */
  readonly fleet: FleetDocument | null;
}

/** Everything that can be said of a fleet repository without a network, a key or nixpkgs. */
export async function checkRepository(
  commands: Commands,
  { directory, fleetFile, now }: { readonly directory: string; readonly fleetFile: string; readonly now: Instant },
): Promise<RepositoryReport> {
  const evaluated = await evaluateRepository(commands, fleetFile);
  const findings: Finding[] = [];
  if (evaluated.ok) {
    for (const warning of evaluated.warnings) {
      const [where = '', ...rest] = warning.split(': ');
      findings.push({ severity: 'warning', where, what: rest.join(': '), next: 'correct it if it is not meant' });
    }
    findings.push(...checkTimes(evaluated.fleet, now));
    findings.push(...(await checkTrust(join(directory, 'trust'), evaluated.fleet.fleet)));
  } else {
    const next = 'correct it, and run nixfleet check again';
    findings.push({ severity: 'error', where: fleetFile, what: evaluated.problem, next });
  }
  if (existsSync(join(directory, 'flake.nix')) && !existsSync(join(directory, 'flake.lock'))) {
    const what = 'is not there: CI would make one, and a release refuses what is not committed';
    findings.push({ severity: 'warning', where: 'flake.lock', what, next: 'nix flake lock && git add flake.lock' });
  }
  findings.push(...(await findPrivateKeys(openGit({ commands, directory }), directory)));
  return { findings, fleet: evaluated.ok ? evaluated.fleet : null };
}

/** The documents that hosts and CI start from: consistent in themselves, and of this fleet. */
async function checkTrust(folder: string, fleet: FleetName): Promise<Finding[]> {
  const names = await readdir(folder).catch(() => []);
  const documents = names.filter((name) => /^trust-\d+\.json$/.test(name)).sort();
  if (documents.length === 0) {
    const next = 'run nixfleet init, or nixfleet trust init --output trust/trust-1.json';
    return [{ severity: 'error', where: 'trust/', what: 'there is no trust document', next }];
  }
  const findings: Finding[] = [];
  for (const name of documents) {
    const bytes = await readFile(join(folder, name));
    const problem = await trustProblem(bytes, fleet);
    if (problem === null) continue;
    const next = 'put the file there that nixfleet trust init wrote, byte for byte';
    findings.push({ severity: 'error', where: `trust/${name}`, what: problem, next });
  }
  return findings;
}

async function trustProblem(bytes: Uint8Array, fleet: FleetName): Promise<string | null> {
  if (bytes.length > documentBytesMax.trust) return 'too large to be a trust document';
  const trust = await pinTrust({ crypto: nodeCrypto, fleet }, new Uint8Array(bytes));
  return trust.ok ? null : `${trust.reason}: ${trust.detail}`;
}
