import { type Clock, ComplianceCatalogue, catalogueBytesMax } from '@nixfleet/contracts';
import { type CollectOptions, collectRuns, type ProbeTask } from './collect-runs.ts';
import { messageOf, ProbeError } from './errors.ts';

/** What is measured on this host: the rules that are active, have a probe, and are not switched off. */
export function tasksOf(catalogue: ComplianceCatalogue): ProbeTask[] {
  return catalogue.controls
    .filter(({ mode }) => mode !== 'disabled')
    .flatMap(({ rules }) => rules)
    .flatMap(({ id, via, probe, isAttested }) => (via === null && probe && !isAttested ? [{ ruleId: id, probe }] : []));
}

/** Throws `malformed` or `oversized`. */
export function parseCatalogue(bytes: Uint8Array): ComplianceCatalogue {
  if (bytes.length > catalogueBytesMax)
    throw new ProbeError('oversized', `expected a catalogue of at most ${catalogueBytesMax} bytes`);
  try {
    return ComplianceCatalogue.parse(JSON.parse(new TextDecoder().decode(bytes)));
  } catch (error) {
    throw new ProbeError('malformed', `not a compliance catalogue: ${messageOf(error).slice(0, 500)}`, {
      cause: error,
    });
  }
}

/** Raw runs for people and scripts: nothing is judged, nothing is signed. */
export interface CatalogueRuns {
  readonly host: string;
  readonly durationMs: number;
  readonly runs: Readonly<
    Record<
      string,
      { exitCode: number | null; durationMs: number; problem: string | null; output: string; said: string }
    >
  >;
}

export async function runCatalogue(bytes: Uint8Array, options: CollectOptions): Promise<CatalogueRuns> {
  const { clock }: { readonly clock: Clock } = options;
  const catalogue = parseCatalogue(bytes);
  const startedMs = clock.monotonicMs();
  const runs = await collectRuns(tasksOf(catalogue), options);
  const entries = [...runs].map(([ruleId, { exitCode, durationMs, problem = null, stdout, said }]) => {
    const output = new TextDecoder().decode(stdout).trimEnd();
    return [ruleId, { exitCode, durationMs, problem, output, said }] as const;
  });
  return {
    host: catalogue.host,
    durationMs: Math.round(clock.monotonicMs() - startedMs),
    runs: Object.fromEntries(entries),
  };
}
