import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { Attack } from './attack.ts';
import { AttackLab } from './attack-lab.ts';

/** Tries every attack in turn on one fleet: the typed reason, that nothing ran, and that the next honest release still works. */
export async function runAttacks(attacks: readonly Attack[]): Promise<void> {
  const lab = await AttackLab.open();
  after(() => lab[Symbol.asyncDispose]());
  for (const { title, reason, attempt } of attacks) {
    test(title, async () => {
      lab.begin();
      try {
        assert.equal(await attempt(lab), reason);
        lab.assertNothingRan();
      } finally {
        await lab.recover();
      }
    });
  }
}
