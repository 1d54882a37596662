import { AgentRefusalCode, CommandOutput, FailedCause, parseMessage, StorePath } from '@nixfleet/contracts';
import type { ActivationOutcome, DeadManReport } from '@nixfleet/engine';
import { z } from 'zod';
import type { Files } from './files.ts';
import { currentBootId, isAlive, ProcessIdentity } from './process-identity.ts';

/** Largest file of a record, in bytes. */
const bytesMax = 64 * 1024;

/** What the dead man's switch is armed with. */
export const ArmedRecord = z.object({
  to: StorePath,
  /** Milliseconds since boot with suspended time counted; means something only in this boot. */
  deadlineMs: z.number(),
  bootId: z.string(),
});
export type ArmedRecord = z.infer<typeof ArmedRecord>;

export const ActivationRecord = z.object({ closure: StorePath, runner: ProcessIdentity });
export type ActivationRecord = z.infer<typeof ActivationRecord>;

export const DeadManResult = z.object({
  ok: z.boolean(),
  running: StorePath.nullable(),
  output: CommandOutput.optional(),
});
export type DeadManResult = z.infer<typeof DeadManResult>;

/** How a switch ended, as it is kept for an agent that starts later. */
export const StoredOutcome = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('ok'),
    running: StorePath.nullable(),
    output: CommandOutput,
    detail: z.string().optional(),
  }),
  z.object({ kind: z.literal('failed'), cause: FailedCause, output: CommandOutput }),
  z.object({ kind: z.literal('refused'), reason: AgentRefusalCode, detail: z.string() }),
  z.object({ kind: z.literal('needs-reboot'), component: z.string() }),
]) satisfies z.ZodType<ActivationOutcome>;

/**
 * One switch on disk: a directory of small files, written by three processes (agent, dead man's switch, activation).
 *
 *   armed.json         the dead man's switch stands; renamed, atomically and once, to what became of it:
 *   disarmed.json      …by the agent, when everything before `confirmed` had succeeded
 *   taken.json         …by the agent, to revert by itself or because nothing was switched
 *   fired.json         …by the dead man's switch
 *   guard.json         the dead man's switch, its process; written by itself once it watches
 *   dead-man.json      how its revert ended
 *   activation.json    the process that runs the switch; written by itself before it starts
 *   outcome.json       how the switch ended
 *   output.log         what it printed
 */
export class SwitchRecord {
  readonly directory: string;
  readonly #files: Files;

  constructor(files: Files, directory: string) {
    this.#files = files;
    this.directory = directory;
  }

  arm(record: ArmedRecord): Promise<void> {
    return this.#write('armed.json', record);
  }

  armed(): Promise<ArmedRecord | null> {
    return this.#read('armed.json', ArmedRecord);
  }

  /** Nobody has renamed it. Throws where that cannot be told. */
  async isArmed(): Promise<boolean> {
    return (await this.#files.read(this.#path('armed.json'), bytesMax)) !== null;
  }

  fired(): Promise<ArmedRecord | null> {
    return this.#read('fired.json', ArmedRecord);
  }

  /** True for the one process that wins. */
  settle(as: 'disarmed' | 'taken' | 'fired'): Promise<boolean> {
    return this.#files.rename(this.#path('armed.json'), this.#path(`${as}.json`));
  }

  /** Somebody goes back, or did. */
  async isReverting(): Promise<boolean> {
    return (await this.fired()) !== null || (await this.#read('taken.json', ArmedRecord)) !== null;
  }

  writeGuard(identity: ProcessIdentity): Promise<void> {
    return this.#write('guard.json', identity);
  }

  async isGuarded(): Promise<boolean> {
    const guard = await this.#read('guard.json', ProcessIdentity);
    return guard !== null && isAlive(guard);
  }

  writeDeadManResult(result: DeadManResult): Promise<void> {
    return this.#write('dead-man.json', result);
  }

  writeActivation(record: ActivationRecord): Promise<void> {
    return this.#write('activation.json', record);
  }

  activation(): Promise<ActivationRecord | null> {
    return this.#read('activation.json', ActivationRecord);
  }

  writeOutcome(outcome: ActivationOutcome): Promise<void> {
    return this.#write('outcome.json', outcome);
  }

  outcome(): Promise<ActivationOutcome | null> {
    return this.#read('outcome.json', StoredOutcome);
  }

  /** Whoever reads `fired` without a result and without a living process sees a revert that failed. */
  async deadMan(): Promise<DeadManReport> {
    const fired = await this.fired();
    if (fired !== null) {
      const result = await this.#read('dead-man.json', DeadManResult);
      if (result === null) return { kind: 'fired', to: fired.to, ok: (await this.isGuarded()) ? null : false };
      const { ok, output } = result;
      return { kind: 'fired', to: fired.to, ok, ...(output ? { output } : {}) };
    }
    const armed = await this.armed();
    if (armed !== null) {
      // Armed in another boot, or with its process gone, it will not fire.
      const stands = armed.bootId === currentBootId() && (await this.isGuarded());
      return stands ? { kind: 'armed', to: armed.to } : { kind: 'absent' };
    }
    if ((await this.#read('disarmed.json', ArmedRecord)) !== null) return { kind: 'disarmed' };
    return { kind: 'absent' };
  }

  #path(name: string): string {
    return `${this.directory}/${name}`;
  }

  #write(name: string, value: unknown): Promise<void> {
    return this.#files.write(this.#path(name), new TextEncoder().encode(`${JSON.stringify(value)}\n`));
  }

  async #read<Value>(name: string, schema: z.ZodType<Value>): Promise<Value | null> {
    const bytes = await this.#files.read(this.#path(name), bytesMax);
    if (bytes === null) return null;
    const parsed = parseMessage(schema, bytes);
    return parsed.ok ? parsed.value : null;
  }
}
