import * as attacks from './attacks.ts';
import * as compliance from './compliance.ts';
import type { DemoFleet } from './demo-fleet.ts';
import { type DemoHost, hostNames } from './layout.ts';
import { allConverged, eventOf, expect, expectOrder, firstEvents, runs, type Scene, stepSecondsMax } from './scene.ts';

/** The steps of the README, in order; each throws if what it shows did not happen. */
export const steps: readonly { readonly title: string; readonly play: (scene: Scene) => Promise<void> }[] = [
  { title: '1. The first release converges wave by wave', play: firstRelease },
  { title: '2. A new version is promoted, canary first', play: newVersion },
  { title: '3. A release whose service fails its probe', play: failingProbe },
  { title: '4. A release that cuts the network', play: cutNetwork },
  { title: '5. A stolen control plane, and stolen keys', play: stolen },
  { title: '6. The control plane is killed and its state deleted', play: wiped },
  { title: '7. A fix is pushed, and controls are enforced', play: fix },
  { title: '8. A release that breaks a rule', play: compliance.refusedRelease },
  { title: '9. A drill: a release whose control fails on the host', play: compliance.drill },
  { title: '10. What an auditor gets', play: compliance.audit },
];

async function firstRelease({ fleet, tell }: Scene): Promise<void> {
  tell.say('git push: CI evaluates four hosts, builds their closures, pushes them to the cache and signs');
  await fleet.push({ version: '1.0' });
  await allConverged(fleet, '1.0');
  const order = await firstEvents(fleet, 'fetching');
  expectOrder(order, [['canary-1'], ['web-1', 'web-2'], ['db-1']]);
  tell.prove(`${hostNames.length} hosts run 1.0; they started in the order ${order.join(', ')}`);
}

async function newVersion({ fleet, tell }: Scene): Promise<void> {
  const from = await fleet.position();
  await fleet.push({ version: '1.1' });
  await allConverged(fleet, '1.1');
  const events = await fleet.observer.eventsAfter(from);
  const order = events.filter(({ event }) => event.kind === 'fetching').map(({ event }) => event.host as DemoHost);
  expectOrder(order, [['canary-1'], ['web-1', 'web-2'], ['db-1']]);
  const canary = events.find(({ event }) => event.kind === 'converged' && event.host === 'canary-1');
  const next = events.find(({ event }) => event.kind === 'activating' && event.host !== 'canary-1');
  expect(canary && next && canary.position < next.position, 'the canary converged before anybody else switched');
  tell.prove('1.1 reached the canary first, the web servers on its signed word, the database last');
}

async function failingProbe({ fleet, tell }: Scene): Promise<void> {
  const from = await fleet.position();
  await fleet.push({ version: '1.2', healthy: false });
  const failed = await eventOf(fleet, from, 'canary-1', 'failed');
  const reverted = await eventOf(fleet, from, 'canary-1', 'reverted');
  tell.say(`canary-1: ${failed.body.cause} (${failed.body.check ?? 'no check'}), reverted by the ${reverted.body.by}`);
  await fleet.observer.until('the halt', stepSecondsMax, (view) =>
    view.rollouts.some(({ channel, state }) => channel === 'web' && (state === 'halted' || state === 'reverted')),
  );
  const touched = (await fleet.observer.eventsAfter(from)).filter(({ event }) => event.kind === 'fetching');
  expect(
    touched.every(({ event }) => event.host === 'canary-1'),
    'only the canary ever saw 1.2',
  );
  const why = await fleet.nixfleet('why', 'web-1');
  tell.detail(
    `nixfleet why web-1: ${why.stdout
      .split('\n')
      .find((line) => line.startsWith('- '))
      ?.slice(2)}`,
  );
  await runs(fleet, '1.1');
  tell.prove('the canary is back on 1.1, the channel has halted, nobody else saw 1.2');
}

async function cutNetwork({ fleet, tell }: Scene): Promise<void> {
  const from = await fleet.position();
  await fleet.push({ version: '1.3', cutsNetwork: true });
  await fleet.observer.until('canary-1 behind its own firewall', stepSecondsMax, () => fleet.link('canary-1').isCut);
  tell.say('canary-1 has switched to 1.3 and is cut off: only its own dead man’s switch can help it');
  const reverted = await eventOf(fleet, from, 'canary-1', 'reverted');
  const unconfirmed = await eventOf(fleet, from, 'canary-1', 'unconfirmed');
  const activating = await eventOf(fleet, from, 'canary-1', 'activating');
  const late = (Date.parse(reverted.at) - Date.parse(activating.body.deadline)) / 1000;
  expect(late <= 5, `reverted within five seconds of its deadline, not ${late} s after it`);
  tell.say(`reverted by the ${reverted.body.by} (${unconfirmed.body.cause}), without the control plane`);
  const view = await fleet.observer.host('canary-1');
  const quarantined = view?.state?.quarantine.some(({ closure }) => closure === activating.body.target.closure);
  expect(quarantined === false, '1.3 is not quarantined: silence is not failure');
  await fleet.observer.until('a second try', stepSecondsMax, async () => {
    const tries = (await fleet.observer.eventsAfter(from)).filter(
      ({ event }) => event.kind === 'fetching' && event.host === 'canary-1',
    );
    return tries.length >= 2;
  });
  tell.prove('the canary reverted itself on time, was not quarantined, and tried again');
}

async function stolen({ fleet, tell }: Scene): Promise<void> {
  // The fleet is on 1.3's doomed rollout; a sound release is what the thief will meddle with.
  await attacks.refused({ fleet, tell });
}

async function wiped({ fleet, tell }: Scene): Promise<void> {
  const before = await fleet.observer.until('a view', 10, (view) => view);
  const startedBefore = await startsOfOthers(fleet);
  await fleet.killControlPlane();
  await fleet.wipeControlPlane();
  tell.say('kill -9, rm -rf its state; started again with an empty directory');
  await fleet.startControlPlane();
  const after = await fleet.observer.until('the whole fleet view', stepSecondsMax, (view) =>
    view.rebuilding === null && view.hosts.every(({ running, online }) => running !== null && online) ? view : null,
  );
  for (const host of before.hosts) {
    const now = after.hosts.find(({ name }) => name === host.name);
    expect(now?.running === host.running, `${host.name} runs what it ran`);
  }
  const events = await fleet.observer.eventsAfter(0);
  const ids = events.map(({ event }) => `${event.journal}/${event.seq}`);
  expect(new Set(ids).size === ids.length, 'no event came twice');
  expect((await startsOfOthers(fleet)) === startedBefore, 'nobody was told to start anything');
  const status = JSON.parse((await fleet.nixfleet('status', '--json')).stdout);
  expect(status.hosts.length === hostNames.length, 'nixfleet status shows every host');
  tell.prove(`rebuilt from ${events.length} signed events; every host runs what it ran, nothing was dispatched again`);
}

/** Switches begun by the hosts that no rollout has reached; the canary goes on with tries of its own. */
async function startsOfOthers(fleet: DemoFleet): Promise<number> {
  const events = await fleet.observer.eventsAfter(0);
  return events.filter(({ event }) => event.kind === 'fetching' && event.host !== 'canary-1').length;
}

async function fix({ fleet, tell }: Scene): Promise<void> {
  const from = await fleet.position();
  await fleet.push({ version: '1.5', controls: true });
  await allConverged(fleet, '1.5');
  const check = await fleet.nixfleet('status', '--check');
  expect(check.exitCode === 0, `nixfleet status --check is satisfied: ${check.stderr}`);
  const events = await fleet.observer.eventsAfter(from);
  const passed = events.filter(({ event }) => event.kind === 'compliance-passed').map(({ event }) => event.host);
  expect(new Set(passed).size === 3, 'every host of the web channel passed its controls before it confirmed');
  tell.prove('the whole fleet runs 1.5, the web channel after its hosts measured themselves; status --check exits 0');
}
