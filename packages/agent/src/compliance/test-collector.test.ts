// What the tests of the gate share: a collector of variables, whose documents are really built, chained and signed.
import type { CollectionContext, CollectionOrder, StorePath } from '@nixfleet/contracts';
import type { SignedEvidence } from '@nixfleet/evidence';
import type { TestEvidence, TestFleet } from '@nixfleet/testkit';
import type { Collected, Collector } from './collector.ts';

export class TestCollector implements Collector {
  readonly evidence: TestEvidence;
  readonly #fleet: TestFleet;
  readonly asked: { context: CollectionContext | null; order: CollectionOrder }[] = [];
  lying: SignedEvidence | null = null;
  failing: readonly string[] = [];
  broken: readonly string[] = [];
  /** What it says instead of collecting. */
  outcome: Collected = { ok: true };
  /** Of the document's facts. */
  facts: object = {};
  signedBy: string | undefined;
  closure: StorePath | null = null;
  now: () => string;

  constructor(fleet: TestFleet, evidence: TestEvidence, now: () => string) {
    this.#fleet = fleet;
    this.evidence = evidence;
    this.now = now;
  }

  newest = async (): Promise<SignedEvidence | null> => this.lying;
  documents = async (): Promise<readonly SignedEvidence[]> => (this.lying ? [this.lying] : []);

  async collect(question: { context: CollectionContext | null; order: CollectionOrder }): Promise<Collected> {
    this.asked.push(question);
    if (this.outcome.ok) await this.write();
    return this.outcome;
  }

  /** As its own timer does. */
  async write(): Promise<void> {
    const { failing, broken, signedBy } = this;
    const { closure } = this;
    const system = closure && { ...(await this.#system()), toplevel: closure };
    const made = await this.evidence.collect({
      at: this.now() as never,
      failing,
      broken,
      ...(signedBy === undefined ? {} : { signedBy }),
      change: { facts: { ...(system ? { system } : {}), ...this.facts } },
    });
    this.lying = { bytes: made.bytes, sig: made.sig, sshsig: made.sshsig };
  }

  async #system() {
    const target = await this.#fleet.target('canary');
    return {
      narHash: `sha256:${'0'.repeat(52)}`,
      closureDigest: target.closureDigest,
      bootedToplevel: target.closure,
      generation: 1,
      configurationRevision: null,
      kernel: '6.12.1',
    };
  }
}
