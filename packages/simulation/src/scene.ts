import type { TestIntent } from '@nixfleet/testkit';
import { cheapCrypto } from './cheap-crypto.ts';
import { Dice } from './dice.ts';
import { closeTheWorld } from './guard.ts';
import { type SceneName, scenes } from './scenes.ts';
import { resultOf, type SimulationResult } from './simulate.ts';
import { SimulatedFleet } from './simulated-fleet.ts';
import { SceneOver, Stage } from './stage.ts';
import { Witness } from './witness.ts';

/** A run whose troubles are written down: a small fleet brought to where one gate or check is all that holds. */
export interface Scene {
  readonly intent: TestIntent;
  /** Life of a head, in seconds. Default one day. */
  readonly headSeconds?: number;
  /** Begins with everybody converged on release 1. */
  readonly play: (stage: Stage) => Promise<void>;
}

const seed = 1;

/** The same rules judge it as any other run. Rejects for a scene that does not get to its point. */
export async function playScene(name: SceneName): Promise<SimulationResult> {
  using _world = closeTheWorld();
  const scene: Scene = scenes[name];
  const dice = new Dice(seed);
  const witness = new Witness();
  const { intent, headSeconds = 86_400 } = scene;
  const size = { hosts: Object.keys(intent.hosts).length, hours: 1 };
  await using fleet = await SimulatedFleet.create(dice, { size, crypto: cheapCrypto, witness, intent, headSeconds });
  witness.begin(fleet);
  const stage = new Stage(fleet, witness);
  await fleet.ci.release([...fleet.hosts.keys()], () => 'good');
  fleet.start();
  try {
    await stage.until('everybody converged', () => [...fleet.hosts.keys()].every((host) => stage.hasConverged(host)));
    await scene.play(stage);
  } catch (error) {
    if (!(error instanceof SceneOver)) throw error;
  }
  return resultOf(fleet, witness, seed);
}
