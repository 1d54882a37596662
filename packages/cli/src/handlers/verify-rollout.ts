import { entriesOf, type Refusal, type RolloutManifest, refuse } from '@nixfleet/contracts';
import { CliError } from '../cli-error.ts';
import type { CommandContext } from '../command-context.ts';
import type { ExitCode } from '../command-definition.ts';
import type { CommandValues } from '../command-values.ts';
import { printable } from '../printable.ts';
import { renderTable } from '../render/table.ts';
import { type Chain, verifyChain } from '../verification/chain.ts';
import { openChain } from '../verification/open-chain.ts';
import { namedRollouts, verifyRollout } from '../verification/rollouts.ts';
import { showReport } from '../verification/show-report.ts';

export async function run(context: CommandContext, values: CommandValues): Promise<ExitCode> {
  const { chain, start } = await openChain(context, values);
  const found = await verifyNamed(chain, start, values.argument('rollout'));
  const isJson = values.flag('json');
  if (!found.ok) return showReport(context, { chain, refusal: found, isJson });
  const rows = entriesOf(found.manifest.hosts).map(([name, { wave, closure, closureDigest, attempt }]) => [
    name,
    String(wave),
    String(attempt),
    closureDigest,
    closure,
  ]);
  const table = { headings: ['HOST', 'WAVE', 'ATTEMPT', 'CLOSURE DIGEST', 'CLOSURE'], rows };
  const lines = renderTable(table, { paint: context.terminal.paint, columns: null });
  return showReport(context, { chain, refusal: null, isJson, more: { json: { manifest: found.manifest }, lines } });
}

async function verifyNamed(
  chain: Chain,
  start: Uint8Array,
  text: string,
): Promise<{ readonly ok: true; readonly manifest: RolloutManifest } | Refusal> {
  const verified = await verifyChain(chain, start);
  if (!verified.ok) return verified;
  const { release } = verified.value;
  const named = namedRollouts(release);
  // A channel's name means its current rollout, which `namedRollouts` lists first.
  const byChannel = named.find(({ channel }) => channel === text);
  const matching = byChannel ? [byChannel] : named.filter(({ rolloutId }) => rolloutId.startsWith(text));
  const [first, second] = matching;
  if (!first) {
    const what = `release ${release.document.version} names no rollout ${printable(text)}`;
    return refuse('wrong-rollout', `${what}; give --releases <repository>#<commit> of the release that did`);
  }
  if (second)
    throw new CliError('usage', `${matching.length} rollouts start with '${printable(text)}'`, 'give more digits');
  const manifest = await verifyRollout(chain, release, first);
  return manifest.ok ? { ok: true, manifest: manifest.value.document } : manifest;
}
