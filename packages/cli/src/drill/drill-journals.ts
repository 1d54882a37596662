import { join } from 'node:path';
import type { HostName, VerifiedEvent, VerifyContext } from '@nixfleet/contracts';
import { CliError } from '../cli-error.ts';
import type { CommandContext } from '../command-context.ts';
import type { CommandValues } from '../command-values.ts';
import { fetchJournal } from '../verification/fetch-journal.ts';
import { readJournalFile } from '../verification/journal-lines.ts';
import { verifyJournals } from '../verification/journals.ts';

/** The journals of hosts, every event by a key that the verified fleet declares. */
export type JournalsOf = (hosts: readonly HostName[]) => Promise<ReadonlyMap<HostName, readonly VerifiedEvent[]>>;

/** From `<folder>/<host>/journal.jsonl`, as a packet is made of; or, without a folder, from the control plane. */
export function drillJournals(
  context: CommandContext,
  values: CommandValues,
  {
    ctx,
    fleet,
    folder,
  }: {
    readonly ctx: VerifyContext;
    readonly fleet: Parameters<typeof verifyJournals>[1];
    readonly folder: string | null;
  },
): JournalsOf {
  return async (hosts) => {
    const journals = new Map<HostName, readonly VerifiedEvent[]>();
    for (const host of hosts) {
      const signed =
        folder === null
          ? await fetchJournal(context, values, host)
          : await readJournalFile(join(folder, host, 'journal.jsonl'));
      if (signed.length === 0) continue;
      const verified = await verifyJournals(ctx, fleet, signed, []);
      const problem = verified.ok
        ? verified.value.host === host
          ? null
          : `it is that of ${verified.value.host}`
        : `${verified.reason}: ${verified.detail}`;
      if (!verified.ok || problem !== null)
        throw new CliError(
          'failed',
          `journal of ${host}: ${problem}`,
          'nothing rests on a journal that does not verify',
        );
      journals.set(host, verified.value.events);
    }
    return journals;
  };
}
