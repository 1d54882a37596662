import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mutations } from './mutations.ts';
import { playScene } from './scene.ts';
import { type SceneName, scenes } from './scenes.ts';
import { bootScenes } from './scenes-boots.ts';
import { complianceScenes } from './scenes-compliance.ts';

for (const name of Object.keys(scenes) as SceneName[]) {
  test(`holds every invariant: ${name}`, async () => {
    const { broken } = await playScene(name);
    assert.equal(broken && `${broken.invariant}: ${broken.text}\n${broken.timeline}`, null);
  });
}

test('every scene about a gate or a check shows that it is needed', () => {
  const used = new Set(mutations.flatMap(({ scene, alsoIn = [] }) => [scene, ...alsoIn]));
  const idle = (Object.keys(scenes) as SceneName[]).filter(
    (name) => !used.has(name) && !(name in bootScenes) && !(name in complianceScenes),
  );
  assert.deepEqual(idle, []);
});
