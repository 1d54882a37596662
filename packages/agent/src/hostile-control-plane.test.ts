// A control plane in other hands delays, and nothing else: what it makes a host do, write and send is bounded.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StorePath } from '@nixfleet/contracts';
import { realClosure, World } from './agent-world.test.ts';
import { type TransportRequest, unreachable } from './transport.ts';

async function convergedWorld(): Promise<World> {
  const world = await World.create();
  world.waitSeconds = 60;
  await world.publish(1);
  await world.start();
  await world.pass(25);
  assert.equal(world.phase, 'converged');
  return world;
}

/** Sees every request first; what it returns is the answer, null lets it pass. */
function intercept(world: World, answer: (request: TransportRequest) => unknown): void {
  const request = world.plane.request.bind(world.plane);
  world.plane.request = async (asked) => {
    const own = answer(asked);
    if (own === null) return request(asked);
    if (own === 'silence') return unreachable('connect-failed', 'cut');
    const { status = 200, body } = own as { status?: number; body: unknown };
    const bytes = new TextEncoder().encode(JSON.stringify(body));
    return { ok: true, reply: { status, headers: {}, body: bytes, url: 'https://test/' } };
  };
}

test('answering at once, for ever, does not make a host ask faster and faster', async () => {
  const world = await convergedWorld();
  let asked = 0;
  intercept(world, ({ path }) => {
    if (path.endsWith('/checkin')) asked++;
    return null;
  });
  await world.pass(600);
  assert.ok(asked > 30 && asked < 60 + 600 / 2 + 10, `${asked} check-ins in ten minutes`);
  await world.stop();
});

test('a go that comes and goes starts a bounded number of fetches and fills no journal', async () => {
  const world = await convergedWorld();
  world.waitSeconds = 0;
  await world.stop();
  await world.start();
  await world.publish(2);
  const { go } = world.plane;
  intercept(world, ({ path, headers }) => {
    // Permits, and takes it back when asked again.
    if (path.endsWith('/checkin')) world.plane.go = world.plane.go || headers?.prefer ? null : go;
    return null;
  });
  const before = world.plane.events.length;
  await world.pass(600);
  const events = world.kinds.slice(before);
  const fetches = events.filter((kind) => kind === 'fetching').length;
  assert.ok(fetches <= 20, `${fetches} fetches`);
  assert.ok(events.length < 80, `${events.length} events`);
  await world.stop();
});

test('a recheck that is never answered does not start the same fetch over and over', async () => {
  const world = await convergedWorld();
  await world.publish(2);
  intercept(world, ({ path, headers }) =>
    path.endsWith('/checkin') && headers?.prefer === 'wait=10' ? 'silence' : null,
  );
  const before = world.plane.events.length;
  await world.pass(600);
  const fetches = world.kinds.slice(before).filter((kind) => kind === 'fetching').length;
  assert.ok(fetches >= 2 && fetches <= 20, `${fetches} fetches`);
  assert.equal(world.host.current, (await realClosure(1)).closure);
  await world.stop();
});

test('replay asked for in every reply is followed now and then', async () => {
  const world = await convergedWorld();
  const { journal } = (await world.agent?.loop.checkinRequest())?.journal ?? { journal: '' };
  world.plane.tamper = (path, reply) =>
    path.endsWith('/checkin') ? { ...(reply as object), replayFrom: { journal, seq: 1 } } : reply;
  let sent = 0;
  intercept(world, ({ path }) => {
    if (path.endsWith('/events')) sent++;
    return null;
  });
  await world.pass(600);
  assert.ok(sent >= 4 && sent <= 20, `${sent} deliveries`);
  await world.stop();
});

test('a claimed fork does not make a host throw its old journals away', async () => {
  const world = await convergedWorld();
  intercept(world, ({ path }) =>
    path.endsWith('/events') ? { status: 409, body: { error: 'fork', message: 'another event is stored here' } } : null,
  );
  await world.publish(2);
  await world.pass(600);
  const old = [...world.files.files.keys()].filter((name) => name.includes('/old-'));
  assert.equal(old.length, 1);
  await world.stop();
});

test('garbage for a head, other garbage each time, is refused and told a bounded number of times', async () => {
  const world = await convergedWorld();
  let served = 0;
  intercept(world, ({ path }) => {
    if (path.endsWith('/checkin'))
      return { body: { head: String(served++).padStart(64, '0'), trustVersion: 1, goId: null } };
    return path.endsWith('/head.json') ? { body: { served } } : null;
  });
  const before = world.plane.events.length;
  await world.pass(900);
  assert.ok(served > 40, `${served}`);
  const refused = world.kinds.slice(before).filter((kind) => kind === 'document-refused').length;
  assert.ok(refused >= 1 && refused <= 35, `${refused} refusals`);
  await world.stop();
});

test('a machine that runs another system than it boots goes back to what it boots', async () => {
  const world = await World.create();
  const booted = StorePath.parse((await realClosure(7)).closure);
  world.host.current = StorePath.parse((await realClosure(8)).closure);
  world.host.default = booted;
  await world.publish(1);
  await world.start();
  await world.pass(25);
  const [first] = world.plane.events;
  assert.ok(first?.kind === 'journal-started');
  assert.equal(first.body.reason, 'first-contact');
  assert.equal(first.body.confirmed, booted);
  const activating = world.plane.events.find(({ kind }) => kind === 'activating');
  assert.ok(activating?.kind === 'activating' && activating.body.revertTo === booted);
  await world.stop();
});
