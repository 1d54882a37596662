import type { Dice } from './dice.ts';

/** What a closure does to the machine that switches to it. */
export type Behaviour =
  | 'good'
  /** The activation script ends with an error. */
  | 'failing'
  /** The activation script never ends. */
  | 'hanging'
  /** The kernel panics in the midst of the switch. */
  | 'panicking'
  /** The network is gone while it runs. */
  | 'mute'
  /** An enforced probe fails while it runs. */
  | 'sick'
  /** An enforced probe fails now and then, fewer times in a row than counts. */
  | 'flapping'
  /** The first enforced probe fails some time after it was confirmed. */
  | 'sickening'
  /** It kills the agent, which its service manager starts again. */
  | 'murderous'
  /** It brings another kernel: it runs, and only a boot takes all of it up. */
  | 'kernel'
  /** It cannot be switched to while the machine runs, and can be booted. */
  | 'inhibited'
  /** The same, and the boot loader falls back to what it boots as a rule. */
  | 'unbootable'
  /** What the cache has is not what was signed. */
  | 'poisoned';

/** Those after which an enforced probe or the activation itself may be called failed. */
export function mayFail(behaviour: Behaviour): boolean {
  return !harmless.has(behaviour) && behaviour !== 'poisoned';
}

const harmless: ReadonlySet<Behaviour> = new Set(['good', 'flapping', 'murderous', 'kernel', 'inhibited']);

/** How a release turns out for a host that gets it. */
export function throwBehaviour(dice: Dice, badShare: number): Behaviour {
  if (!dice.chance(badShare))
    return dice.chance(0.2) ? dice.pick(['flapping', 'murderous', 'kernel', 'inhibited']) : 'good';
  return dice.pick(['failing', 'hanging', 'panicking', 'mute', 'sick', 'sickening', 'poisoned', 'unbootable']);
}
