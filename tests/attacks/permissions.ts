import { addSeconds, type Go, holdPath } from '@nixfleet/contracts';
import { signEvent, type TestIntent, testKey } from '@nixfleet/testkit';
import type { Attack } from './attack.ts';
import type { AttackLab } from './attack-lab.ts';

/** The canary's word that it converged on the newest release: signed with its own key, though it does not run it. */
function receipt(lab: AttackLab) {
  return lab.fleet.receipt('canary');
}

/** A release shown to nobody but the victim, with this `go` for it. */
function skips(
  title: string,
  reason: string,
  goOf: (lab: AttackLab) => Promise<Go>,
  more: Partial<Attack> = {},
): Attack {
  return {
    title,
    owns: ['control plane'],
    refusedBy: 'agent',
    reason: `go: ${reason}`,
    async attempt(lab) {
      const tree = await lab.signNext();
      await lab.offer({ tree, go: await goOf(lab) });
      return lab.refused();
    },
    ...more,
  };
}

/** A signed brake, under a control plane that says go all the same, with every receipt there is. */
function brake(title: string, code: string, change: (next: TestIntent, lab: AttackLab) => void): Attack {
  return {
    title,
    owns: ['control plane'],
    refusedBy: 'agent',
    reason: `withheld: ${code}`,
    async attempt(lab) {
      const tree = await lab.signNext((next) => change(next, lab));
      await lab.offer({ tree, go: await lab.go([await receipt(lab)]) });
      const reason = await lab.withheld();
      await lab.lab.sign((next) => {
        for (const channel of Object.values(next.channels)) {
          Object.assign(channel, { freezes: [], windows: null, resolvedUntil: null });
          channel.policy.mode = 'switch';
        }
      });
      return reason;
    },
  };
}

/** Attacks on the order and the brakes of a rollout, by whoever runs the control plane. */
export const permissionAttacks: readonly Attack[] = [
  skips('a go for the second wave without the receipts of the first', 'receipts-missing', (lab) => lab.go()),
  skips('a go with a receipt that the thief signed in the canary’s name', 'bad-signature', async (lab) => {
    const { event } = await receipt(lab);
    return lab.go([await signEvent(await testKey('mallory'), JSON.parse(event) as object)]);
  }),
  skips('a go with the canary’s receipt for the release before', 'wrong-rollout', async (lab) => {
    const { event } = await receipt(lab);
    const told = JSON.parse(event) as { body: { target: { rolloutId: string } } };
    told.body.target.rolloutId = 'b'.repeat(64);
    return lab.go([await signEvent(await lab.fleet.hostKey('canary'), told)]);
  }),
  skips('a go with the canary’s receipt for another closure', 'wrong-closure', async (lab) => {
    const { event } = await receipt(lab);
    const told = JSON.parse(event) as { body: { target: { closure: string } } };
    told.body.target.closure = lab.evil.closure;
    return lab.go([await signEvent(await lab.fleet.hostKey('canary'), told)]);
  }),
  skips(
    'a go with the word of an enrolled host that is not in this rollout',
    'unknown-host',
    async (lab) => {
      const { event } = await receipt(lab);
      const told = { ...(JSON.parse(event) as object), host: 'mole' };
      return lab.go([await signEvent(await lab.fleet.hostKey('mole'), told)]);
    },
    { owns: ['control plane', 'one enrolled host'] },
  ),
  skips('a go with the victim’s own word for the wave before', 'wrong-wave', async (lab) =>
    lab.go([await lab.fleet.receipt('web-1')]),
  ),
  skips('a go that calls the second wave the first', 'wrong-wave', async (lab) => ({ ...(await lab.go()), wave: 0 })),
  skips('a go for an attempt that nobody signed', 'wrong-version', async (lab) => ({
    ...(await lab.go([await receipt(lab)])),
    attempt: 7,
  })),
  {
    title: 'a go for another channel’s rollout',
    owns: ['control plane'],
    refusedBy: 'agent',
    reason: 'rollout: wrong-rollout, go: wrong-rollout',
    async attempt(lab) {
      const tree = await lab.signNext();
      const { rolloutId } = await lab.fleet.target('mole');
      await lab.offer({ tree, go: { rolloutId, wave: 0, attempt: 1, receipts: [] } });
      return lab.refused(2);
    },
  },
  skips('a go with more receipts than the rollout has hosts', 'oversized', async (lab) => {
    const one = await receipt(lab);
    return lab.go([one, one, one, one]);
  }),
  {
    title: 'a go in spite of an approver’s hold',
    owns: ['control plane'],
    refusedBy: 'agent',
    reason: 'withheld: hold',
    async attempt(lab) {
      await lab.signNext();
      await lab.fleet.hold('stable', { seconds: 10 });
      await lab.offer({ go: await lab.go([await receipt(lab)]) });
      return lab.withheld();
    },
  },
  {
    title: 'a hold that the head names, and that the thief does not hand out',
    owns: ['control plane'],
    refusedBy: 'agent',
    reason: 'withheld: hold',
    async attempt(lab) {
      await lab.signNext();
      const { sha256 } = await lab.fleet.hold('stable', { seconds: 10 });
      const tree = lab.tree();
      for (const path of [...tree.keys()]) if (path.startsWith(holdPath(sha256))) tree.delete(path);
      await lab.offer({ tree, go: await lab.go([await receipt(lab)]) });
      return lab.withheld();
    },
  },
  brake('a go inside a freeze', 'freeze', (next, lab) => {
    const { now } = lab.fleet;
    next.channels.stable?.freezes.push({ from: addSeconds(now, -60), to: addSeconds(now, 3600), reason: 'audit' });
  }),
  brake('a go outside the change window', 'outside-window', (next, lab) => {
    const { now } = lab.fleet;
    Object.assign(next.channels.stable ?? {}, {
      windows: [{ from: addSeconds(now, 3600), to: addSeconds(now, 7200) }],
      resolvedUntil: addSeconds(now, 400 * 24 * 3600),
    });
  }),
  brake('a go in a channel that only observes', 'observe', (next) => {
    const { policy } = next.channels.stable ?? {};
    if (policy) policy.mode = 'observe';
  }),
];
