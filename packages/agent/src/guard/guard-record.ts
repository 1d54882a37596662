import { OnFailedUnits, parseMessage, StorePath } from '@nixfleet/contracts';
import type { ActivationOutcome } from '@nixfleet/engine';
import { z } from 'zod';
import { AgentError } from '../errors.ts';
import type { Files } from '../files.ts';
import { nameValueLines } from '../name-value-lines.ts';
import { StoredOutcome } from '../switch-record.ts';

/** Largest file of a record, in bytes. */
const bytesMax = 256 * 1024;

/** What a record is armed with: `nix/modules/dead-man.sh` reads and writes the same lines. */
export interface GuardFacts {
  readonly to: StorePath;
  /** `boot`: the machine is to come up in the target, where the time counts from. */
  readonly kind: 'switch' | 'boot';
  /** Seconds since boot, suspended time counted; means something only in this boot. */
  readonly deadline: number;
  readonly boot: string;
  /** What the target is given after a boot, in seconds. */
  readonly seconds: number;
}

export const SwitchStart = z.object({
  target: StorePath,
  /** Units that had failed before. */
  failedBefore: z.array(z.string()).readonly(),
  onFailedUnits: OnFailedUnits,
  /** That of the running system: switched to in the target too, or not there. */
  specialisation: z.object({ name: z.string(), isKept: z.boolean() }).optional(),
});
export type SwitchStart = z.infer<typeof SwitchStart>;

/** The file that there is of these, in this order: a record is in one state. */
const states = ['armed', 'reverting', 'fired', 'disarmed', 'released'] as const;
export type GuardState = (typeof states)[number];

export interface GuardResult {
  readonly isDone: boolean;
  readonly by: string;
}

/**
 * One switch on disk, written by the agent and by the dead man's switch, a shell script out of another closure. Small files
 * of `name=value` lines; `dead-man.sh` says what they mean.
 */
export class GuardRecord {
  readonly directory: string;
  readonly #files: Files;

  constructor(files: Files, directory: string) {
    this.directory = directory;
    this.#files = files;
  }

  get name(): string {
    return this.directory.slice(this.directory.lastIndexOf('/') + 1);
  }

  get timer(): string {
    return `nixfleet-dead-man-${this.name}.timer`;
  }

  get deadManUnit(): string {
    return `nixfleet-dead-man-${this.name}.service`;
  }

  get switchUnit(): string {
    return `nixfleet-switch-${this.name}.service`;
  }

  get revertUnit(): string {
    return `nixfleet-revert-${this.name}.service`;
  }

  arm(facts: GuardFacts): Promise<void> {
    return this.#files.write(this.#at('armed'), encode(`${printGuardFacts(facts)}boots=0\n`));
  }

  /** Null: nothing was armed, or what was is damaged: then it does not fire either, and whoever relies on it goes back. */
  async state(): Promise<{ readonly name: GuardState; readonly facts: GuardFacts } | null> {
    for (const name of states) {
      const text = await this.#text(name);
      if (text === null) continue;
      const facts = parseGuardFacts(text);
      return facts && { name, facts };
    }
    return null;
  }

  /** True for the one that wins. */
  settle(from: GuardState, as: GuardState): Promise<boolean> {
    return this.#files.rename(this.#at(from), this.#at(as));
  }

  async result(): Promise<GuardResult | null> {
    const text = await this.#text('result');
    if (text === null) return null;
    const lines = nameValueLines(text);
    return { isDone: lines.get('ok') === '1', by: lines.get('by') ?? '' };
  }

  /** A switch is about to start. The dead man's switch reads `target`, the agent the rest. */
  async begin(facts: SwitchStart): Promise<void> {
    await this.setTarget(facts.target);
    await this.#files.write(this.#at('switch.json'), encode(`${JSON.stringify(facts)}\n`));
  }

  /** What an earlier attempt at going back came to says nothing of the next. */
  forgetResult(): Promise<void> {
    return this.#files.remove(this.#at('result'));
  }

  /** What is switched to, or was booted into: the dead man's switch asks for it. */
  setTarget(target: StorePath): Promise<void> {
    return this.#files.write(this.#at('target'), encode(`${target}\n`));
  }

  /** Of what is gone back to, the variant that ran. */
  setSpecialisation(name: string): Promise<void> {
    return this.#files.write(this.#at('specialisation'), encode(`${name}\n`));
  }

  /** Null: no switch was started, or nobody can say what it was. */
  switchStart(): Promise<SwitchStart | null> {
    return this.#parsed('switch.json', SwitchStart);
  }

  /** From here on profile and boot default may be others than what a revert goes to. */
  defaultChanges(): Promise<void> {
    return this.#files.write(this.#at('default-changed'), new Uint8Array());
  }

  /** Whatever boots the machine knows of it. */
  bootOrdered(): Promise<void> {
    return this.#files.write(this.#at('boot-ordered'), new Uint8Array());
  }

  async wasBootOrdered(): Promise<boolean> {
    return (await this.#files.read(this.#at('boot-ordered'), bytesMax)) !== null;
  }

  writeOutcome(outcome: ActivationOutcome): Promise<void> {
    return this.#files.write(this.#at('outcome.json'), encode(`${JSON.stringify(outcome)}\n`));
  }

  outcome(): Promise<ActivationOutcome | null> {
    return this.#parsed('outcome.json', StoredOutcome);
  }

  #at(name: string): string {
    return `${this.directory}/${name}`;
  }

  async #parsed<Value>(name: string, schema: z.ZodType<Value>): Promise<Value | null> {
    const bytes = await this.#bytes(name);
    const parsed = bytes && parseMessage(schema, bytes);
    return parsed?.ok ? parsed.value : null;
  }

  async #text(name: string): Promise<string | null> {
    const bytes = await this.#bytes(name);
    return bytes && new TextDecoder().decode(bytes);
  }

  /** What is too long is no record of ours: it says as little as one that is not there. */
  async #bytes(name: string): Promise<Uint8Array | null> {
    return this.#files.read(this.#at(name), bytesMax).catch((error: unknown) => {
      if (error instanceof AgentError && error.code === 'oversized') return null;
      throw error;
    });
  }
}

/** What `armed` and the names that it is renamed to say. Null: not a record of a switch. */
export function parseGuardFacts(text: string): GuardFacts | null {
  const lines = nameValueLines(text);
  const to = StorePath.safeParse(lines.get('to'));
  if (!to.success) return null;
  const number = (name: string): number => (/^\d{1,12}$/.test(lines.get(name) ?? '') ? Number(lines.get(name)) : 0);
  const kind = lines.get('kind') === 'boot' ? 'boot' : 'switch';
  return { to: to.data, kind, deadline: number('deadline'), boot: lines.get('boot') ?? '', seconds: number('seconds') };
}

export function printGuardFacts({ to, kind, deadline, boot, seconds }: GuardFacts): string {
  const lines = Object.entries({ to, kind, deadline, boot, seconds });
  return lines.map(([name, value]) => `${name}=${value}\n`).join('');
}

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
