import type { EventContent, HostState } from '@nixfleet/contracts';
import type { AgentTime } from './agent-time.ts';
import type { Files } from './files.ts';
import type { Host } from './host.ts';
import { type LocalHold, localHoldNews, readLocalHold } from './local-hold.ts';

export interface OwnBrakesDeps {
  readonly host: Host;
  readonly files: Files;
  readonly stateDirectory: string;
  readonly time: AgentTime;
}

/** What the machine itself may have against a start: a clock that nothing synchronises, a hold that somebody set on it. */
export class OwnBrakes {
  readonly #deps: OwnBrakesDeps;
  #isClockSynchronised = false;
  #localHold: LocalHold | null = null;

  constructor(deps: OwnBrakesDeps) {
    this.#deps = deps;
  }

  get isClockSynchronised(): boolean {
    return this.#isClockSynchronised;
  }

  /** As the file said last; until it was read, what the journal says. */
  localHold(state: HostState): LocalHold | null {
    return this.#localHold ?? state.localHold;
  }

  async lookAtClock(): Promise<void> {
    // Should it not be told, it is not synchronised.
    this.#isClockSynchronised = false;
    this.#isClockSynchronised = await this.#deps.host.isClockSynchronised();
  }

  /** Holds at once; what the journal has yet to be told of it. */
  async readLocalHold(state: HostState): Promise<readonly EventContent[]> {
    const { files, stateDirectory, time } = this.#deps;
    this.#localHold = await readLocalHold(files, stateDirectory, time.now());
    return localHoldNews(this.#localHold, state);
  }
}
