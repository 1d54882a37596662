import assert from 'node:assert/strict';
import {
  addSeconds,
  type Clock,
  type EventKind,
  type Go,
  type HeadDocument,
  type SealableDocument,
} from '@nixfleet/contracts';
import { privateKeyToPem } from '@nixfleet/contracts/node-crypto';
import {
  putSigned,
  type RealClosure,
  type TestFleet,
  type TestIntent,
  testChannel,
  testHost,
  testKey,
} from '@nixfleet/testkit';
import { HostileControlPlane, type HostileOffer } from '../../demo/hostile-control-plane.ts';
import { Lab, onAll, twoWaves } from '../loop/harness/lab.ts';
import type { LoopHost } from '../loop/harness/loop-host.ts';
import type { Mark } from '../loop/harness/watched-host.ts';

/** `releases/`: path to bytes. */
export type Tree = Map<string, Uint8Array>;

/** Where every host stands before an attack. */
export type Standing = ReadonlyMap<LoopHost, { readonly mark: Mark | null; readonly running: string | null }>;

/** The hosts that have an agent: `web-1` is in the second wave and is the one attacked. */
const agents = ['canary', 'web-1'] as const;

/** After how long a host gives a fetch up that does not come forward, in milliseconds: in a real agent fifteen minutes. */
const nixStalledMs = 15_000;

/** Of the operator whose eyes the tests are: it looks far more often than a person. */
const identityRequests = { perSecond: 500, burst: 5000, bucketsMax: 1000 };

/**
 * A fleet under attack. `canary` and `web-1` are honest hosts of the channel `stable`, in two waves; `mole` is enrolled in a
 * channel of its own, has no agent, and its key is the attacker's. The thief is a server with the control plane's real key.
 */
export class AttackLab implements AsyncDisposable {
  readonly lab: Lab;
  readonly thief: HostileControlPlane;
  /** A system that the cache has, rightly signed, and that no honest release names. */
  readonly evil: RealClosure;
  readonly #honestCache: string;
  readonly #versions: readonly RealClosure[];
  #version = 0;
  #before: Standing = new Map();

  private constructor(parts: { lab: Lab; thief: HostileControlPlane; evil: RealClosure; versions: RealClosure[] }) {
    this.lab = parts.lab;
    this.thief = parts.thief;
    this.evil = parts.evil;
    this.#versions = parts.versions;
    this.#honestCache = parts.lab.server.directory;
  }

  static async open(): Promise<AttackLab> {
    const lab = await Lab.open({ intent: underAttack(), controlPlane: { limits: { identityRequests } }, nixStalledMs });
    const versions = [await lab.system('1'), await lab.system('2')];
    const evil = await lab.system('evil');
    const { privateKey } = await testKey('control-plane');
    const thief = await HostileControlPlane.open(privateKeyToPem(privateKey));
    const opened = new AttackLab({ lab, thief, evil, versions });
    await lab.write(onAll(opened.#nextVersion()));
    await lab.controlPlane.start();
    for (const host of opened.hosts) await host.start();
    await lab.converged(agents);
    return opened;
  }

  get fleet(): TestFleet {
    return this.lab.fleet;
  }

  get hosts(): readonly LoopHost[] {
    return agents.map((name) => this.lab.host(name));
  }

  get victim(): LoopHost {
    return this.lab.host('web-1');
  }

  /** Begins an attack: remembers where everybody stands. */
  begin(): void {
    this.#before = new Map(this.hosts.map((host) => [host, { mark: host.mark, running: host.running }]));
  }

  /** Where the victim's journal stood when the attack began. */
  get mark(): Mark | null {
    return this.#before.get(this.victim)?.mark ?? null;
  }

  assertNothingRan(): void {
    for (const [host, { mark, running }] of this.#before) {
      const ran: EventKind[] = host.kinds(mark).filter((kind) => kind === 'activating' || kind === 'confirmed');
      assert.deepEqual(ran, [], host.name);
      assert.equal(host.running, running, host.name);
    }
  }

  /** Puts everything back, and shows that the next honest release still reaches every host. */
  async recover(): Promise<void> {
    this.lab.server.directory = this.#honestCache;
    this.lab.server.answer = null;
    for (const host of this.hosts) {
      await host.stop();
      host.route.leadTo(null);
    }
    if (this.lab.controlPlane.port === null) await this.lab.controlPlane.start();
    // Started anew, so that no agent is still waiting out a pause that the attack before earned.
    for (const host of this.hosts) await host.start();
    await this.lab.release(this.#nextVersion());
    await this.lab.converged(agents);
  }

  /** The tree of the newest signed release, to be tampered with. */
  tree(): Tree {
    return new Map(this.fleet.files);
  }

  /** The next release, honestly signed with a closure that nobody runs, and shown to nobody. */
  async signNext(change: (next: TestIntent) => void = () => {}): Promise<Tree> {
    await this.lab.sign((next) => {
      onAll(this.#versions[this.#version % this.#versions.length] ?? this.evil)(next);
      change(next);
    });
    return this.tree();
  }

  /** The thief answers the victim in the control plane's place. */
  async offer(offer: Partial<HostileOffer>, clock?: Clock): Promise<void> {
    this.thief.serve({ tree: this.tree(), go: null, trustVersion: this.fleet.trustDocument.version, ...offer });
    await this.victim.stop();
    this.victim.route.leadTo(this.thief.port);
    await this.victim.start(clock ? { clock } : {});
  }

  /** The first that the victim refuses of what it is offered, as `<document>: <reason>`; one look may refuse more, a moment later. */
  async refused(count = 1): Promise<string> {
    const seen = (): string[] => {
      const told = this.victim.since(this.mark);
      return told.flatMap((event) =>
        event.kind === 'document-refused' ? [`${event.body.document}: ${event.body.reason}`] : [],
      );
    };
    await this.victim.until('document-refused', { mark: this.mark, where: () => seen().length >= count });
    return seen().slice(0, count).join(', ');
  }

  /** What the victim says it holds itself back for, as `withheld: <code>`. */
  async withheld(): Promise<string> {
    const { body } = await this.victim.until('withheld', {
      mark: this.mark,
      where: ({ body }) => body.withheld !== null,
    });
    return `withheld: ${body.withheld?.code}`;
  }

  /** Why the victim does not run a closure that it was rightly told to run, as `closure: <reason>`; `detail`: in which words. */
  async refusedClosure({ detail, seconds = 40 }: { detail?: RegExp; seconds?: number } = {}): Promise<string> {
    const { body } = await this.victim.until('refused', { mark: this.mark, seconds });
    if (detail) assert.match(body.detail ?? '', detail);
    return `closure: ${body.reason}`;
  }

  /** A `go` for the victim, as an honest control plane would word it. */
  async go(receipts: Go['receipts'] = []): Promise<Go> {
    const { rolloutId, wave, attempt } = await this.fleet.target('web-1');
    return { rolloutId, wave, attempt, receipts };
  }

  /** Signs a document with keys of these labels and puts it into a tree, in place of what is there. */
  async put(tree: Tree, path: string, document: SealableDocument, labels: readonly string[]): Promise<void> {
    putSigned(tree, path, await this.fleet.sign(document, labels));
  }

  /** A head made with the stolen head key, one version ahead of the honest one. */
  async forgeHead(
    tree: Tree,
    change: (draft: HeadDocument) => void,
    labels: readonly string[] = ['ci-head'],
  ): Promise<void> {
    const { now, headDocument } = this.fleet;
    const draft = structuredClone(headDocument);
    Object.assign(draft, { version: headDocument.version + 1, signedAt: now, expiresAt: addSeconds(now, 24 * 3600) });
    change(draft);
    await this.put(tree, 'head.json', draft, labels);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.thief[Symbol.asyncDispose]();
    await this.lab[Symbol.asyncDispose]();
  }

  #nextVersion(): RealClosure {
    const version = this.#versions[this.#version++ % this.#versions.length];
    assert.ok(version);
    return version;
  }
}

function underAttack(): TestIntent {
  const intent = twoWaves();
  for (const wave of intent.channels.stable?.waves ?? []) wave.soakSeconds = 0;
  return {
    ...intent,
    hosts: { ...intent.hosts, mole: testHost('moles') },
    channels: { ...intent.channels, moles: testChannel([['mole']]) },
  };
}
