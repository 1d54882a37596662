import { AgentError, type Collector, CollectorDirectory, collectEvidence, type Files } from '@nixfleet/agent';
import {
  BootId,
  type Clock,
  ComplianceCatalogue,
  type Crypto,
  collectionSecondsMax,
  NarHash,
  type Random,
  type Signer,
  StorePath,
  sha256Hex,
  utf8,
} from '@nixfleet/contracts';
import type { ProbeRunResult } from '@nixfleet/evidence';
import type { Closures } from './closures.ts';
import type { Dice } from './dice.ts';
import type { Life } from './life.ts';
import type { Machine } from './machine.ts';
import type { Scheduler } from './scheduler.ts';

export interface MachineCollectorDeps {
  readonly life: Life;
  readonly scheduler: Scheduler;
  readonly dice: Dice;
  readonly random: Random;
  readonly clock: Clock;
  readonly crypto: Crypto;
  readonly files: Files;
  readonly closures: Closures;
  readonly fleet: string;
  readonly key: Signer;
  /** What does not belong on this machine signs with this. */
  readonly otherKey: Signer;
  readonly directory: string;
}

/** How long a collection takes, in milliseconds. */
const collectionMs = { from: 500, to: 20_000 };
/** The same, where it does not end by itself. */
const overrunMs = (collectionSecondsMax + 15) * 1000;
/** How long after a switch a control of a closure that lapses begins to fail, in milliseconds. */
const lapsingMs = 600_000;
const retentionDays = 1;
const somewhereElse = StorePath.parse(`/nix/store/${'0'.repeat(32)}-nixos-system-of-somebody-else`);

/** The collector's port of one incarnation of the agent: the real collector, measuring a machine of variables. */
export function machineCollector(machine: Machine, deps: MachineCollectorDeps): Collector {
  const { life, dice, files, closures, directory } = deps;
  const lying = new CollectorDirectory(files, directory);
  return {
    newest: () => lying.newest(),
    documents: (since) => lying.documents(since),
    async collect({ context, order }, signal) {
      try {
        await lying.ask(context, order);
        const conduct = closures.conductOf(machine.running);
        await life.pass(conduct === 'late' ? overrunMs : dice.between(collectionMs.from, collectionMs.to), signal);
        if (conduct === 'late') return { ok: false, reason: 'timeout', detail: 'it took too long', exitCode: null };
        if (conduct === 'broken') return { ok: false, reason: 'collector-failed', detail: 'exit 1', exitCode: 1 };
        await collectOn(machine, deps);
        return { ok: true };
      } catch (error) {
        if (!(error instanceof AgentError)) throw error;
        return { ok: false, reason: 'collector-failed', detail: error.message, exitCode: 1 };
      }
    },
  };
}

async function collectOn(machine: Machine, deps: MachineCollectorDeps): Promise<void> {
  const { clock, crypto, random, files, closures, fleet, key, otherKey, directory, scheduler } = deps;
  const conduct = closures.conductOf(machine.running);
  const bytes = closures.catalogueOf(machine.running);
  const hasLapsed = conduct === 'lapsing' && scheduler.nowMs - machine.runningSinceMs >= lapsingMs;
  const options = {
    catalogue: catalogueIn(bytes),
    catalogueSha256: await sha256Hex(crypto, bytes),
    directory,
    fleet: fleet as never,
    retentionDays,
    nonce: null,
  };
  await collectEvidence(options, {
    ...{ files, clock, crypto, random },
    signer: conduct === 'forged' ? otherKey : key,
    facts: async () => ({
      bootId: conduct === 'of-another-boot' ? BootId.parse('boot-of-before') : machine.bootId,
      clock: { synced: true, source: null, offsetMs: null },
      system: {
        toplevel: conduct === 'elsewhere' ? somewhereElse : machine.running,
        narHash: NarHash.parse(`sha256:${'0'.repeat(52)}`),
        bootedToplevel: machine.running,
        generation: 1,
        configurationRevision: null,
        kernel: '6.12.1',
      },
    }),
    run: async (probes) => new Map(probes.map(({ ruleId }) => [ruleId, measured(ruleId, { conduct, hasLapsed })])),
  });
}

const catalogues = new WeakMap<Uint8Array, ComplianceCatalogue>();

/** Read once: a closure does not change. */
function catalogueIn(bytes: Uint8Array): ComplianceCatalogue {
  const known = catalogues.get(bytes) ?? ComplianceCatalogue.parse(JSON.parse(new TextDecoder().decode(bytes)));
  catalogues.set(bytes, known);
  return known;
}

function measured(
  ruleId: string,
  { conduct, hasLapsed }: { readonly conduct: string; readonly hasLapsed: boolean },
): ProbeRunResult {
  const isSubject = ruleId === 'AC-01';
  const violationCount = isSubject && (conduct === 'failing' || conduct === 'waived' || hasLapsed) ? 1 : 0;
  const exitCode = isSubject && conduct === 'erring' ? 1 : 0;
  return { exitCode, durationMs: 1, stdout: utf8(JSON.stringify({ violationCount })) };
}
