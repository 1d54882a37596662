import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { addSeconds, type CompliancePolicy, type EventContent, type StorePath } from '@nixfleet/contracts';
import { initialHostState } from '@nixfleet/engine';
import { createTestFleet, FakeClock, TestEvidence, testCatalogue, testKey } from '@nixfleet/testkit';
import { AgentTime } from '../agent-time.ts';
import { MemoryHost } from '../agent-world.test.ts';
import { directorySource } from '../directory-source.ts';
import { fileSystem } from '../file-system.ts';
import { hostProbes } from '../host-probes.ts';
import type { IntentSource } from '../intent-source.ts';
import { ComplianceGate } from './compliance-gate.ts';
import { ReleasedContexts } from './released-contexts.ts';
import { TestCollector } from './test-collector.test.ts';

const directories: string[] = [];
after(() => {
  for (const directory of directories) rmSync(directory, { recursive: true });
});
const enforce: CompliancePolicy = { mode: 'enforce', frameworks: ['nis2'] };
const permissive: CompliancePolicy = { mode: 'permissive', frameworks: ['nis2'] };
const forever = new AbortController().signal;

/** A gate over a closure with a catalogue, and what it journals. */
class GateWorld {
  readonly events: EventContent[] = [];
  readonly clock: FakeClock;
  readonly collector: TestCollector;
  readonly gate: ComplianceGate;
  readonly closure: StorePath;
  readonly machine: MemoryHost;

  private constructor(
    parts: {
      clock: FakeClock;
      collector: TestCollector;
      gate: ComplianceGate;
      closure: StorePath;
      machine: MemoryHost;
    },
    events: EventContent[],
  ) {
    this.clock = parts.clock;
    this.collector = parts.collector;
    this.gate = parts.gate;
    this.closure = parts.closure;
    this.machine = parts.machine;
    this.events = events;
  }

  static async create({
    catalogue,
    hasCollector = true,
    documents = null,
    aheadSeconds = 0,
  }: {
    catalogue?: Uint8Array | null;
    hasCollector?: boolean;
    documents?: IntentSource | null;
    /** The agent's own time, after a clock that was ahead was set right. */
    aheadSeconds?: number;
  } = {}) {
    const fleet = await createTestFleet();
    await fleet.publish();
    const target = await fleet.target('canary');
    const directory = mkdtempSync(join(tmpdir(), 'nixfleet-gate-'));
    directories.push(directory);
    const evidence = new TestEvidence(fleet, 'canary', testCatalogue('canary'));
    mkdirSync(join(directory, 'etc/nixfleet'), { recursive: true });
    if (catalogue !== null) {
      writeFileSync(join(directory, 'etc/nixfleet/compliance.json'), catalogue ?? evidence.catalogueBytes);
    }
    const clock = new FakeClock(fleet.now);
    const machine = new MemoryHost();
    machine.locate = (path) => path.replace(target.closure, directory);
    const collector = new TestCollector(fleet, evidence, () => clock.instant());
    const events: EventContent[] = [];
    const gate = new ComplianceGate({
      ctx: fleet.ctx,
      host: 'canary' as never,
      documents,
      trust: () => assert.fail('no register is read'),
      source: directorySource(fileSystem, directory),
      released: new ReleasedContexts({ files: fileSystem, path: join(directory, 'released.json'), log: () => {} }),
      log: () => {},
      collector: hasCollector ? collector : null,
      probes: hostProbes({ host: machine, clock }),
      machine,
      ownKey: (await testKey('host:canary')).publicKey,
      clock,
      time: new AgentTime(clock, addSeconds(fleet.now, aheadSeconds)),
      state: () => ({ ...initialHostState, running: target.closure }),
      report: (event) => events.push(event),
      onCollected: () => {},
    });
    return new GateWorld({ clock, collector, gate, machine, closure: target.closure }, events);
  }

  async session(policy: CompliancePolicy | null = enforce) {
    const session = await this.gate.open(this.closure, policy);
    assert.ok(session);
    return session;
  }

  get kinds(): string[] {
    return this.events.map(({ kind }) => kind);
  }

  get errors(): string[] {
    return this.events.flatMap((event) => (event.kind === 'runtime-gate-error' ? [event.body.reason] : []));
  }
}

describe('the runtime gate on a host', () => {
  test('an agent that the switch itself started anew has read no release yet: it is waited for, for a while', async () => {
    let view: object | null = null;
    const documents = {
      get view() {
        return view;
      },
    } as unknown as IntentSource;
    const world = await GateWorld.create({ documents });
    const session = await world.session();
    const measured = session.run(forever);
    await world.clock.advance(5000);
    assert.equal(world.collector.asked.length, 0);
    view = {
      channel: 'stable',
      release: { document: {} },
      fleet: { document: { hosts: { canary: { tags: ['edge'] } } } },
    };
    await world.clock.advance(200);
    assert.deepEqual(await measured, { status: 'pass' });
    assert.deepEqual(world.collector.asked[0]?.context?.tags, ['edge']);

    view = null;
    const silent = (await world.session()).run(forever);
    await world.clock.advance(31_000);
    assert.deepEqual(await silent, { status: 'pass' }, 'nobody is there who could say more');
    assert.equal(world.collector.asked[1]?.context, null);
  });

  test('a collection that ends with its machine is told to nobody, as long as that goes down', async () => {
    const world = await GateWorld.create();
    world.collector.outcome = { ok: false, reason: 'collector-failed', detail: 'terminated', exitCode: 1 };
    world.machine.goesDown = true;
    assert.equal((await (await world.session()).run(forever)).status, 'fail');
    assert.deepEqual(world.kinds, []);
    world.machine.goesDown = false;
    assert.equal((await (await world.session()).run(forever)).status, 'fail');
    assert.deepEqual(world.errors, ['collector-failed']);
  });

  test('a machine that still boots is measured once it is up, or after a while all the same', async () => {
    const world = await GateWorld.create();
    world.machine.comesUp = true;
    const measured = (await world.session()).run(forever);
    await world.clock.advance(200_000);
    assert.equal(world.collector.asked.length, 0, 'longer than a collection may take');
    world.machine.comesUp = false;
    await world.clock.advance(1000);
    assert.deepEqual(await measured, { status: 'pass' });

    world.machine.comesUp = true;
    const never = (await world.session()).run(forever);
    await world.clock.advance(601_000);
    assert.deepEqual(await never, { status: 'pass' });
  });

  test('a complete, fresh and verified pass is told with its hash, and nothing else is a pass', async () => {
    const world = await GateWorld.create();
    const session = await world.session();
    assert.equal(session.mode, 'enforce');
    assert.deepEqual(await session.run(forever), { status: 'pass' });
    const [passed] = world.events;
    assert.ok(passed?.kind === 'compliance-passed' && world.events.length === 1);
    assert.equal(passed.body.evidenceSha256, world.collector.evidence.collections[0]?.sha256);
    assert.deepEqual([passed.body.sequence, passed.body.closure], [1, world.closure]);
  });

  test('an enforced control that fails, or that cannot be measured, fails the check; each is told', async () => {
    const world = await GateWorld.create();
    world.collector.failing = ['AC-01'];
    world.collector.broken = ['AL-01'];
    const session = await world.session();
    assert.deepEqual(await session.run(forever), { status: 'fail', detail: 'access-control, audit-logging' });
    const failures = world.events.map((event) => {
      assert.ok(event.kind === 'compliance-failure');
      const { controlId, ruleIds, status, mode, snippet } = event.body;
      assert.ok(snippet.length <= 1024);
      return [controlId, ruleIds, status, mode];
    });
    assert.deepEqual(failures, [
      ['access-control', ['AC-01'], 'fail', 'enforce'],
      ['audit-logging', ['AL-01'], 'error', 'enforce'],
    ]);
  });

  test('a permissive channel reports the same and blocks nothing', async () => {
    const world = await GateWorld.create();
    world.collector.failing = ['AC-01'];
    const session = await world.session(permissive);
    assert.equal(session.mode, 'observe');
    assert.deepEqual(await session.run(forever), { status: 'pass' });
    assert.deepEqual(world.kinds, ['compliance-failure', 'compliance-passed']);
  });

  test('what cannot be believed is a gate error with its reason, and no pass', async () => {
    const cases: [string, (world: GateWorld) => void][] = [
      [
        'timeout',
        ({ collector }) => {
          collector.outcome = { ok: false, reason: 'timeout', detail: 'x', exitCode: null };
        },
      ],
      [
        'collector-failed',
        ({ collector }) => {
          collector.outcome = { ok: false, reason: 'collector-failed', detail: 'x', exitCode: 1 };
        },
      ],
      [
        'malformed',
        ({ collector }) => {
          collector.collect = async () => ({ ok: true });
        },
      ],
      [
        'unverified',
        ({ collector }) => {
          collector.signedBy = 'host:web-1';
        },
      ],
      [
        'wrong-boot',
        ({ collector }) => {
          collector.facts = { bootId: 'boot-0' };
        },
      ],
      [
        'wrong-closure',
        ({ collector }) => {
          collector.closure = `/nix/store/${'9'.repeat(32)}-nixos-system` as StorePath;
        },
      ],
      [
        'stale',
        ({ collector, clock }) => {
          collector.now = () => new Date(Date.parse(clock.instant()) - 61_000).toISOString().replace('.000Z', 'Z');
        },
      ],
      [
        'chain-broken',
        ({ collector }) => {
          collector.facts = { sequence: 5 };
        },
      ],
    ];
    for (const [reason, arrange] of cases) {
      const world = await GateWorld.create();
      arrange(world);
      const session = await world.session();
      const { status } = await session.run(forever);
      assert.deepEqual(
        [status, world.errors, world.kinds.includes('compliance-passed')],
        ['fail', [reason], false],
        reason,
      );
    }
  });

  test('old evidence that still lies there passes nothing', async () => {
    const world = await GateWorld.create();
    await world.collector.write();
    await world.clock.advance(3_600_000);
    world.collector.collect = async () => ({ ok: true });
    const session = await world.session();
    assert.equal((await session.run(forever)).status, 'fail');
    assert.deepEqual(world.errors, ['stale']);
  });

  test('without collector, without catalogue, with one that is of no use: no pass under enforce', async () => {
    const evidence = testCatalogue('web-1');
    const other = new TextEncoder().encode(JSON.stringify(evidence));
    for (const options of [
      { hasCollector: false },
      { catalogue: null },
      { catalogue: new Uint8Array([0x7b]) },
      { catalogue: other },
    ]) {
      const world = await GateWorld.create(options);
      const session = await world.session();
      assert.equal((await session.run(forever)).status, 'fail');
      assert.equal((await session.run(forever)).status, 'fail');
      assert.deepEqual(world.errors, ['no-collector'], 'told once');
    }
  });

  test('`disabled` asks for nothing; without a policy of a switch the catalogue is measured and nothing enforced', async () => {
    const world = await GateWorld.create();
    assert.equal(await world.gate.open(world.closure, { mode: 'disabled', frameworks: [] }), null);
    assert.equal((await world.session(null)).mode, 'observe');
    const bare = await GateWorld.create({ catalogue: null });
    assert.equal(await bare.gate.open(bare.closure, null), null);
  });

  test('after a clock that was ahead was set right, a collection is no staler than it is, nor ordered again and again', async () => {
    const world = await GateWorld.create({ aheadSeconds: 3000 });
    const session = await world.session();
    for (const _ of ['after the switch', 'a minute later']) {
      const measured = session.run(forever);
      await world.clock.advance(60_000);
      assert.deepEqual(await measured, { status: 'pass' });
    }
    assert.equal(world.collector.asked.length, 1);
  });

  test('what its timer collected is judged as it comes, drift is told, and none is ordered before it is due', async () => {
    const world = await GateWorld.create();
    const session = await world.session();
    await session.run(forever);
    assert.equal(world.collector.asked.length, 1);
    await world.clock.advance(600_000);
    assert.equal((await session.run(forever)).status, 'pass');
    assert.deepEqual(world.kinds, ['compliance-passed'], 'nothing new, nothing told');
    world.collector.failing = ['AC-02'];
    await world.collector.write();
    await world.collector.write();
    assert.deepEqual(await session.run(forever), { status: 'fail', detail: 'access-control' });
    assert.deepEqual(world.kinds.slice(1), ['compliance-drift', 'compliance-failure']);
    assert.equal(world.collector.asked.length, 1, 'ordered once');
    world.collector.failing = [];
    await world.clock.advance((3600 + 901) * 1000);
    assert.equal((await session.run(forever)).status, 'pass');
    assert.equal(world.collector.asked.length, 2, 'its timer is late');
  });

  test('a declared check of controls or of a framework reads the newest collection', async () => {
    const world = await GateWorld.create();
    world.collector.failing = ['AL-01'];
    const session = await world.session(permissive);
    const check = {
      kind: 'evidence',
      mode: 'enforce',
      intervalSeconds: 30,
      timeoutSeconds: 5,
      failureThreshold: 1,
    } as const;
    assert.equal(session.newest({ ...check, framework: 'nis2' }).status, 'fail', 'before the first');
    await session.run(forever);
    assert.deepEqual(session.newest({ ...check, controls: ['access-control'] }), { status: 'pass' });
    assert.match(session.newest({ ...check, framework: 'nis2' }).detail ?? '', /audit-logging/);
    assert.match(session.newest({ ...check, controls: ['secure-boot'] }).detail ?? '', /secure-boot \(not measured\)/);
    assert.equal(session.newest({ ...check, framework: 'dora' }).status, 'fail');
  });
});
