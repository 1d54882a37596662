import type { Scene } from './scene.ts';
import { bootScenes } from './scenes-boots.ts';
import { complianceScenes } from './scenes-compliance.ts';
import { gateScenes } from './scenes-gates.ts';
import { hostScenes } from './scenes-host.ts';
import { lineScenes } from './scenes-lines.ts';
import { mirrorScenes } from './scenes-mirror.ts';
import { pressedScenes } from './scenes-pressed.ts';
import { thiefScenes } from './scenes-thief.ts';

/** Every scene by what it is about. */
export const scenes = {
  ...bootScenes,
  ...complianceScenes,
  ...gateScenes,
  ...hostScenes,
  ...lineScenes,
  ...mirrorScenes,
  ...pressedScenes,
  ...thiefScenes,
} satisfies Record<string, Scene>;
export type SceneName = keyof typeof scenes;
