import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FleetDocument } from '@nixfleet/contracts';
import { type Commands, systemNix } from '@nixfleet/release';
import { z } from 'zod';
import { findNixHalf } from '../nix-half.ts';

/** A fleet of thousands of hosts takes seconds; what takes longer hangs. */
const evaluateTimeoutMs = 5 * 60_000;

export type Evaluated =
  | { readonly ok: true; readonly fleet: FleetDocument; readonly warnings: readonly string[] }
  /** `problem`: what Nix or the schema said, in as many lines as it took. */
  | { readonly ok: false; readonly problem: string };

/**
 * The topology of `fleet.nix`, with the Nix half of this program and without nixpkgs: mkHost is a stand-in, and no host's
 * configuration is looked at.
 */
export async function evaluateRepository(commands: Commands, fleetFile: string): Promise<Evaluated> {
  const directory = await mkdtemp(join(tmpdir(), 'nixfleet-check-'));
  try {
    const path = join(directory, 'check.nix');
    await writeFile(path, expressionOf(fleetFile));
    const nix = systemNix({
      commands,
      config: { evaluateTimeoutMs, options: { 'allow-import-from-derivation': 'false' } },
    });
    const found = await nix.topology({ kind: 'file', path, directory, attribute: [] });
    if (!found.ok) return { ok: false, problem: withoutFrame(found.detail) };
    const fleet = FleetDocument.safeParse(found.value.resolved);
    if (!fleet.success) return { ok: false, problem: z.prettifyError(fleet.error) };
    const warnings = z.array(z.string()).safeParse(found.value.warnings);
    return { ok: true, fleet: fleet.data, warnings: warnings.data ?? [] };
  } finally {
    await rm(directory, { recursive: true });
  }
}

/** Whatever of ours the file asks for by name; a file that asks for nothing gets nothing. */
function expressionOf(fleetFile: string): string {
  return `
    let
      nixfleet = import (/. + ${nixString(findNixHalf())});
      found = import (/. + ${nixString(fleetFile)});
      offered = nixfleet // { inherit nixfleet; inherit (nixfleet.testing) mkHost; };
      called =
        if builtins.isFunction found then
          found (builtins.intersectAttrs (builtins.functionArgs found) offered)
        else
          found;
    in
    called // { toplevels = { }; }`;
}

function nixString(text: string): string {
  return `"${text.replace(/["\\$]/g, '\\$&')}"`;
}

/** Without the words around what Nix said, and without its warnings about its own set-up. */
function withoutFrame(detail: string): string {
  const start = detail.lastIndexOf('error: ');
  return (start === -1 ? detail : detail.slice(start + 'error: '.length))
    .split('\n')
    .filter((line) => !line.includes('--show-trace'))
    .join('\n')
    .trim();
}
