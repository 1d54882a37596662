import assert from 'node:assert/strict';
import { test } from 'node:test';
import { realClosure, World } from './agent-world.test.ts';
import { AgentError } from './errors.ts';

test('from first contact to converged: events before effects, acceptance fresh, connections closed before the switch', async () => {
  const world = await World.create();
  await world.publish(1);
  await world.start();
  await world.pass(25);
  assert.equal(world.phase, 'converged');
  const { kinds } = world;
  assert.equal(kinds[0], 'journal-started');
  const steps = ['fetching', 'activating', 'confirming', 'probes-passed', 'confirmed', 'converged'];
  assert.deepEqual(
    kinds.filter((kind) => steps.includes(kind)),
    steps,
  );
  assert.deepEqual(world.host.done, ['activate', 'setDefault', 'disarm']);
  assert.ok(
    world.plane.freshAt.some((count) => count > kinds.indexOf('probes-passed')),
    'accepted over a new connection',
  );
  assert.ok(world.plane.closes >= 1);
  await world.stop();
});

test('a full disk starts nothing new', async () => {
  const world = await World.create();
  await world.publish(1);
  await world.start();
  await world.pass(25);
  await world.publish(2);
  world.files.isFull = true;
  await world.pass(10);
  assert.equal(world.phase, 'converged');
  assert.deepEqual(world.host.done, ['activate', 'setDefault', 'disarm']);
  world.files.isFull = false;
  await world.pass(30);
  assert.equal(world.host.current, (await realClosure(2)).closure);
  assert.equal(world.phase, 'converged');
  await world.stop();
});

test('going back does not wait for the disk, and is told once there is room', async () => {
  const world = await World.create();
  await world.publish(1);
  await world.start();
  await world.pass(25);
  const one = world.host.current;
  world.plane.tamper = (path, reply) => {
    // Reachable until the switch, silent after it.
    if (path.endsWith('/events') && world.host.current !== one) return { error: 'internal', message: 'no' };
    return reply;
  };
  await world.publish(2);
  await world.pass(10);
  assert.equal(world.phase, 'confirming');
  world.files.isFull = true;
  await world.pass(430);
  assert.equal(world.host.current, one);
  assert.ok(world.host.done.includes('revert'));
  world.files.isFull = false;
  world.plane.tamper = null;
  world.plane.go = null;
  await world.pass(20);
  assert.deepEqual(
    world.kinds.filter((kind) => ['unconfirmed', 'reverting', 'reverted', 'failed'].includes(kind)),
    ['unconfirmed', 'reverting', 'reverted'],
  );
  await world.stop();
});

test('a control plane that lost everything gets the journal again, and nothing is switched again', async () => {
  const world = await World.create();
  await world.publish(1);
  await world.start();
  await world.pass(25);
  const before = world.kinds;
  world.plane.events = [];
  world.plane.position = null;
  const id = (await world.agent?.loop.checkinRequest())?.journal.journal ?? '';
  world.plane.tamper = (path, reply) =>
    path.endsWith('/checkin') && world.plane.events.length === 0
      ? { ...(reply as object), replayFrom: { journal: id, seq: 1 } }
      : reply;
  await world.pass(5);
  assert.deepEqual(world.kinds, before);
  assert.deepEqual(world.host.done, ['activate', 'setDefault', 'disarm']);
  await world.stop();
});

test('after an outage neither check-in nor journal waits its back-off out once the other was answered', async () => {
  const world = await World.create();
  await world.publish(1);
  await world.start();
  await world.pass(25);
  world.plane.go = null;
  const paths = ['/v1/agent/checkin', '/v1/agent/events'];
  const first = new Set<string>();
  for (let outage = 0; outage < 6; outage++) {
    world.plane.isReachable = false;
    world.agent?.loop.report({ kind: 'withheld', body: { withheld: { code: 'no-go', reason: `outage ${outage}` } } });
    await world.pass(240);
    const before = world.plane.asked.length;
    world.plane.isReachable = true;
    for (let quarter = 0; quarter < 240 && world.plane.asked.length === before; quarter++) await world.pass(0.25);
    await world.pass(1);
    const asked = world.plane.asked.slice(before);
    first.add(asked[0] ?? 'nothing');
    assert.deepEqual([...new Set(asked)].sort(), paths, `outage ${outage}: both within a second`);
  }
  assert.deepEqual([...first].sort(), paths, 'each came first at times');
  await world.stop();
});

test('a host that went back asks at once, however long its release had cut it off', async () => {
  const world = await World.create();
  await world.publish(1);
  await world.start();
  await world.pass(25);
  const one = world.host.current;
  Object.defineProperty(world.plane, 'isReachable', { get: () => world.host.current === one });
  await world.publish(2);
  let before = 0;
  for (let quarter = 0; quarter < 2000 && !world.host.done.includes('revert'); quarter++) {
    before = world.plane.asked.length;
    await world.pass(0.25);
  }
  await world.pass(1);
  assert.equal(world.host.current, one);
  const asked = new Set(world.plane.asked.slice(before));
  assert.deepEqual([...asked].sort(), ['/v1/agent/checkin', '/v1/agent/events']);
  await world.stop();
});

test('a host brought back from an earlier time starts a new journal, with its whole state', async () => {
  const world = await World.create();
  await world.publish(1);
  await world.start();
  await world.pass(25);
  await world.stop();
  const snapshot = new Map(world.files.files);
  await world.start();
  await world.pass(5);
  await world.stop();
  assert.ok(world.plane.position && world.plane.position.seq > 5);
  const ahead = world.plane.position;
  world.files.files.clear();
  for (const [path, bytes] of snapshot) world.files.files.set(path, bytes);
  // As the control plane does with a position that is not in its chain.
  world.plane.tamper = (path, reply) =>
    path.endsWith('/events') && world.plane.position?.journal === ahead.journal
      ? { error: 'fork', message: 'another event is stored here' }
      : reply;
  await world.start();
  world.plane.position = { ...ahead };
  await world.pass(2);
  world.plane.tamper = null;
  await world.pass(10);
  const restarted = world.plane.events.findLast(({ kind }) => kind === 'journal-started');
  assert.ok(restarted?.kind === 'journal-started');
  assert.equal(restarted.body.reason, 'restored');
  assert.equal(restarted.body.previous?.journal, ahead.journal);
  const since = world.kinds.slice(world.plane.events.indexOf(restarted));
  assert.deepEqual(since.slice(0, 3), ['journal-started', 'checkpoint', 'converged'], 'with its receipt');
  assert.deepEqual(world.host.done, ['activate', 'setDefault', 'disarm'], 'nothing is switched again');
  await world.stop();
});

test('a corrupt journal is told as lost state, and nothing is switched again', async () => {
  const world = await World.create();
  await world.publish(1);
  await world.start();
  await world.pass(25);
  await world.stop();
  world.files.files.set('/state/journal/journal.jsonl', Uint8Array.from(Buffer.from('garbage\nmore\n')));
  await world.start();
  await world.pass(20);
  const restarted = world.plane.events.findLast(({ kind }) => kind === 'journal-started');
  assert.ok(restarted?.kind === 'journal-started');
  assert.equal(restarted.body.reason, 'state-lost');
  assert.equal(world.phase, 'converged', 'it runs its target, and says so');
  assert.deepEqual(world.host.done, ['activate', 'setDefault', 'disarm']);
  await world.stop();
});

test('under another host key a new journal begins with all that the old one knew', async () => {
  const world = await World.create();
  await world.publish(1);
  await world.start();
  await world.pass(25);
  const before = world.plane.events.at(-1);
  await world.stop();
  await world.changeKey();
  await world.start();
  await world.pass(20);
  const restarted = world.plane.events.findLast(({ kind }) => kind === 'journal-started');
  assert.ok(restarted?.kind === 'journal-started');
  assert.equal(restarted.body.reason, 'key-changed');
  assert.equal(restarted.body.previous?.journal, before?.journal);
  const since = world.kinds.slice(world.plane.events.indexOf(restarted));
  assert.deepEqual(since.slice(0, 3), ['journal-started', 'checkpoint', 'converged'], 'with its receipt');
  assert.deepEqual(world.host.done, ['activate', 'setDefault', 'disarm'], 'nothing is switched again');
  await world.stop();
});

test('stopped at every moment of a switch, the agent comes back to its target or to where it was', async () => {
  const world = await World.create();
  await world.publish(1);
  await world.start();
  await world.pass(25);
  const one = world.host.current;
  await world.publish(2);
  const { closure: two } = await realClosure(2);
  for (let moments = 0; moments < 40 && world.host.default !== two; moments++) {
    await world.pass(0.25);
    await world.stop();
    await world.start();
    await world.pass(1);
    assert.ok(world.host.current === one || world.host.current === two);
  }
  await world.pass(200);
  assert.equal(world.phase, 'converged', world.kinds.slice(-20).join());
  assert.equal(world.host.current, two);
  assert.equal(world.host.default, two);
  await world.stop();
});

test('what was accepted when the power went, or there was no room, is told once there is a journal for it', async () => {
  const world = await World.create();
  await world.publish(1);
  await world.start();
  await world.pass(25);
  const told = () =>
    world.plane.events.flatMap(({ kind, body }) => (kind === 'release-accepted' ? [body.release.version] : []));
  const { append } = world.files;
  for (const how of ['killed', 'no room'] as const) {
    const before = world.plane.events.length;
    world.files.append = async () => {
      throw new AgentError('disk-full', 'no space left on device');
    };
    await world.publish(how === 'killed' ? 2 : 3, () => {});
    world.plane.go = null;
    await world.pass(10);
    if (how === 'killed') await world.stop();
    world.files.append = append;
    assert.deepEqual(told().length, how === 'killed' ? 1 : 2, `${how}: not told yet`);
    if (how === 'killed') {
      world.plane.isReachable = false;
      await world.start();
      await world.pass(2);
      world.plane.isReachable = true;
    }
    await world.pass(10);
    const kinds = world.kinds.slice(before).filter((kind) => kind === 'release-accepted');
    assert.deepEqual(kinds, ['release-accepted'], `${how}: once`);
  }
  assert.deepEqual(
    told(),
    [1, 2, 3].map((version) => version + (told()[0] ?? 0) - 1),
  );
  await world.stop();
});

test('lost floors stay lost over restarts, until a fresh head is accepted', async () => {
  const world = await World.create();
  await world.publish(1);
  await world.start();
  await world.pass(25);
  await world.stop();
  await world.clock.advance(3 * 3600 * 1000);
  world.files.files.delete('/state/floors.json');
  for (let starts = 0; starts < 2; starts++) {
    const before = world.plane.events.length;
    await world.start();
    await world.pass(5);
    const told = world.plane.events
      .slice(before)
      .map(({ kind, body }) => ('reason' in body ? `${kind} ${body.reason}` : kind));
    assert.ok(told.includes('floor-lost'), told.join());
    assert.ok(told.includes('document-refused floor-lost'), told.join());
    assert.ok(!told.includes('release-accepted'), told.join());
    await world.stop();
  }
  await world.publish(2);
  await world.start();
  await world.pass(30);
  assert.equal(world.host.current, (await realClosure(2)).closure);
  await world.stop();
});

test('a local hold that cannot be read holds, also while the journal cannot be written; deadlines go on', async () => {
  const world = await World.create();
  await world.publish(1);
  await world.start();
  await world.pass(25);
  world.files.unreadable.add('/state/local-hold.json');
  world.files.isFull = true;
  await world.pass(6);
  world.files.isFull = false;
  await world.publish(2);
  await world.pass(20);
  assert.equal(world.host.current, (await realClosure(1)).closure);
  assert.ok(world.kinds.includes('local-hold'));
  world.files.unreadable.clear();
  await world.pass(30);
  assert.equal(world.host.current, (await realClosure(2)).closure);
  await world.stop();
});

test('what the machine has against a start is looked at when the control plane is asked for the last time', async () => {
  const obstacles: ((world: World) => () => void)[] = [
    ({ files }) => {
      files.unreadable.add('/state/local-hold.json');
      return () => files.unreadable.clear();
    },
    ({ host }) => {
      host.isSynchronised = false;
      return () => {
        host.isSynchronised = true;
      };
    },
  ];
  for (const obstruct of obstacles) {
    const world = await World.create();
    await world.publish(1);
    await world.start();
    await world.pass(25);
    let clear: (() => void) | null = null;
    const { plane, host } = world;
    const request = plane.request.bind(plane);
    plane.request = async (asked) => {
      // While the answer is on its way, after the loop has looked.
      if (world.agent?.loop.memory.working.busy?.type === 'recheck' && asked.path.endsWith('/checkin')) {
        await world.clock.sleep(1000);
        clear ??= obstruct(world);
      }
      return request(asked);
    };
    let arms = 0;
    const arm = host.arm.bind(host);
    host.arm = (...switched) => {
      arms++;
      return arm(...switched);
    };
    await world.publish(2);
    await world.pass(20);
    assert.ok(clear !== null);
    assert.equal(arms, 0);
    assert.equal(world.host.current, (await realClosure(1)).closure);
    (clear as () => void)();
    await world.pass(70);
    assert.equal(world.host.current, (await realClosure(2)).closure);
    await world.stop();
  }
});

test('armed, and the journal takes nothing: the dead man’s switch is stood down, and the switch starts later', async () => {
  const world = await World.create();
  await world.publish(1);
  await world.start();
  await world.pass(25);
  await world.publish(2);
  const arm = world.host.arm;
  world.host.arm = (to) => {
    world.files.isFull = true;
    return arm(to);
  };
  await world.pass(10);
  assert.equal(world.host.armed, null);
  assert.equal(world.host.current, (await realClosure(1)).closure);
  world.host.arm = arm;
  world.files.isFull = false;
  await world.pass(60);
  assert.equal(world.host.current, (await realClosure(2)).closure);
  assert.equal(world.phase, 'converged');
  await world.stop();
});
