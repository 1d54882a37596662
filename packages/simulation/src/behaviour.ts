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
  /** What the cache has is not what was signed. */
  | 'poisoned';

/** Those that a host can be expected to end on. */
export function isHarmless(behaviour: Behaviour): boolean {
  return behaviour === 'good' || behaviour === 'flapping' || behaviour === 'murderous';
}

/** Those after which an enforced probe or the activation itself may be called failed. */
export function mayFail(behaviour: Behaviour): boolean {
  return behaviour !== 'good' && behaviour !== 'flapping' && behaviour !== 'murderous' && behaviour !== 'poisoned';
}

/** How a release turns out for a host that gets it. */
export function throwBehaviour(dice: Dice, badShare: number): Behaviour {
  if (!dice.chance(badShare)) return dice.chance(0.1) ? dice.pick(['flapping', 'murderous']) : 'good';
  return dice.pick(['failing', 'hanging', 'panicking', 'mute', 'sick', 'sickening', 'poisoned']);
}
