import { canonicalBytes, type Json } from '@nixfleet/contracts';
import { drilledCatalogue, testCatalogue } from '@nixfleet/testkit';
import type { Dice } from './dice.ts';

/** How a closure does when its controls are measured. */
export type Conduct =
  | 'passing'
  /** A control fails. */
  | 'failing'
  /** The same, and an approver has waived it. */
  | 'waived'
  /** The probe of a control ends with an error. */
  | 'erring'
  /** A control passes after the activation, and fails some time later. */
  | 'lapsing'
  /** The collector ends with an error. */
  | 'broken'
  /** The collector does not end. */
  | 'late'
  /** What the collector leaves is cut off. */
  | 'malformed'
  /** … is an hour old. */
  | 'stale'
  /** … has no signature. */
  | 'unsigned'
  /** … is signed with another key. */
  | 'forged'
  /** … was measured on another closure. */
  | 'elsewhere'
  /** … was measured in another boot. */
  | 'of-another-boot';

/** Under `enforce` a host never confirms these. */
export function isProven(conduct: Conduct): boolean {
  return conduct === 'passing' || conduct === 'waived' || conduct === 'lapsing';
}

/** Mostly well. */
export function throwConduct(dice: Dice, badShare: number): Conduct {
  if (!dice.chance(badShare)) return 'passing';
  return dice.pick([
    ...(['failing', 'failing', 'erring', 'lapsing', 'lapsing', 'broken', 'late', 'malformed', 'stale'] as const),
    ...(['unsigned', 'forged', 'elsewhere', 'of-another-boot'] as const),
  ]);
}

/** Between two collections, in seconds. */
const intervalSeconds = 600;
/** Past the end of every run, in seconds since 1970. */
const drillEndsAt = 4_000_000_000;

const drills: Partial<Record<Conduct, string>> = {
  late: 'timeout',
  malformed: 'malformed',
  stale: 'stale',
  unsigned: 'unsigned',
};

/** The catalogue in a closure of this host, as it lies there; what the collector itself does wrong is a drill of the closure. */
export function catalogueBytes(host: string, conduct: Conduct): Uint8Array {
  const drill = drills[conduct];
  const catalogue = drill === undefined ? testCatalogue(host) : drilledCatalogue(host, drill, drillEndsAt);
  return canonicalBytes({ ...catalogue, collectIntervalSeconds: intervalSeconds } as unknown as Json);
}
