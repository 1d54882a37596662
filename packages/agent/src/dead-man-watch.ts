import type { HostPhase } from '@nixfleet/contracts';
import type { DeadManReport } from '@nixfleet/engine';
import { messageOf } from './errors.ts';
import type { Host } from './host.ts';
import type { Log } from './log.ts';

/** Looks after the dead man's switch during a switch: it may have fired, and it may have been killed. */
export class DeadManWatch {
  readonly #host: Host;
  readonly #log: Log;
  #isRestarting = false;

  constructor(host: Host, log: Log) {
    this.#host = host;
    this.#log = log;
  }

  /** Its report if it has fired. One that is gone before its time is started again with the same deadline. */
  async look(phase: HostPhase): Promise<DeadManReport | null> {
    if (phase.name !== 'activating' && phase.name !== 'confirming' && phase.name !== 'trying') return null;
    const report = await this.#host.deadMan();
    if (report.kind === 'fired') return report;
    // Between disarming and `confirmed` there is nothing to guard.
    if (report.kind !== 'absent' || phase.revertTo === null || this.#isRestarting) return null;
    this.#log('error', 'the dead man’s switch is gone: it is started again', { to: phase.revertTo });
    this.#isRestarting = true;
    // Beside the loop: what is expected here may take a while, and the deadline does not wait.
    this.#host
      .keepGuarded()
      .catch((error: unknown) => {
        this.#log('error', 'the dead man’s switch cannot be started', { error: messageOf(error) });
      })
      .finally(() => {
        this.#isRestarting = false;
      });
    return null;
  }
}
