import { hash } from 'node:crypto';
import type { FleetDocument, HeadDocument, Instant, ReleaseDocument, RolloutManifest } from '@nixfleet/contracts';

/** Approvers that an emergency needs, in the fleets of the testkit. */
const emergencyApprovers = 2;

/** Documents that those who may have really signed, by their hashes: whatever else turns up is forged. */
export class SignedFacts {
  readonly trusts = new Set<string>();
  readonly heads = new Map<string, HeadDocument>();
  readonly releases = new Map<string, ReleaseDocument>();
  readonly fleets = new Map<string, FleetDocument>();
  #newTrials = new Map<string, RolloutManifest>();
  readonly #emergencies = new Map<string, Instant>();

  /** Returns the manifests of trials that were not known. */
  published(files: ReadonlyMap<string, Uint8Array>): ReadonlyMap<string, RolloutManifest> {
    for (const [path, bytes] of files) {
      if (path === 'head.json') this.heads.set(sha256(bytes), parse(bytes));
      else if (/^fleet\/[0-9a-f]+\.json$/.test(path)) {
        const name = path.slice('fleet/'.length, -'.json'.length);
        if (!this.fleets.has(name)) this.fleets.set(name, parse(bytes));
      } else if (/^trust\/\d+\.json$/.test(path)) this.trusts.add(sha256(bytes));
      else if (/^release\/[0-9a-f]+\.json$/.test(path)) this.#released(path, bytes, files);
    }
    const trials = this.#newTrials;
    this.#newTrials = new Map();
    return trials;
  }

  /** Null for bytes that nobody of the head role signed. */
  headOf(bytes: Uint8Array): HeadDocument | null {
    return this.heads.get(sha256(bytes)) ?? null;
  }

  /** Enough approvers signed that this release passes windows and freezes, and it has not run out. */
  isEmergency(release: string, now: Instant): boolean {
    const expiresAt = this.#emergencies.get(release);
    return expiresAt !== undefined && now < expiresAt;
  }

  #released(path: string, bytes: Uint8Array, files: ReadonlyMap<string, Uint8Array>): void {
    const name = path.slice('release/'.length, -'.json'.length);
    if (this.releases.has(name)) return;
    const document: ReleaseDocument = parse(bytes);
    this.releases.set(name, document);
    for (const { rolloutId } of Object.values(document.trials ?? {})) {
      this.#newTrials.set(rolloutId, parse(files.get(`rollouts/${rolloutId}.json`) ?? new Uint8Array()));
    }
    const approvals = [...files.keys()].filter((other) => other.startsWith(`${path}.`) && other.endsWith('.sshsig'));
    if (document.emergency && approvals.length >= emergencyApprovers) {
      this.#emergencies.set(name, document.emergency.expiresAt);
    }
  }
}

function sha256(bytes: Uint8Array): string {
  return hash('sha256', bytes);
}

function parse<Value>(bytes: Uint8Array): Value {
  return JSON.parse(new TextDecoder().decode(bytes)) as Value;
}
