import type { Clock } from '@nixfleet/contracts';
import type { AgentTime } from './agent-time.ts';
import type { Checkin } from './checkin.ts';
import type { Delivery } from './delivery.ts';
import type { DocumentSource } from './document-source.ts';
import type { EffectRunner } from './effect-runner.ts';
import type { Files } from './files.ts';
import type { Floors } from './floors.ts';
import type { Host } from './host.ts';
import type { Permission } from './intent.ts';
import type { IntentSource } from './intent-source.ts';
import type { Journal } from './journal.ts';
import type { Log } from './log.ts';

export interface AgentLoopDeps {
  readonly agentVersion: string;
  readonly stateDirectory: string;
  readonly clock: Clock;
  readonly time: AgentTime;
  readonly files: Files;
  readonly host: Host;
  readonly journal: Journal;
  /** This and the next two are null while floors are unreadable: then nothing is verified, and nothing new starts. */
  readonly floors: Pick<Floors, 'values'> | null;
  readonly documents: IntentSource | null;
  readonly permission: Permission | null;
  readonly controlPlane: DocumentSource;
  readonly log: Log;
}

/** Made after the loop, since they report into it. */
export interface AgentWorkers {
  readonly effects: EffectRunner;
  readonly delivery: Delivery;
  readonly checkin: Checkin;
}
