import {
  addSeconds,
  type EventContent,
  type EventKind,
  type HostTarget,
  type Instant,
  type Sha256Hex,
  SwitchPolicy,
  syntheticControl,
} from '@nixfleet/contracts';
import type { TestFleet } from './test-fleet.ts';
import { testPolicy } from './test-intent.ts';

export interface TestDrillOptions {
  /** Of the first event. */
  readonly at: Instant;
  /** Kinds that do not happen. */
  readonly without?: readonly EventKind[];
  /** What comes after all, a second later each. */
  readonly more?: readonly EventContent[];
  /** How the gate told it, in place of the failed control. */
  readonly report?: EventContent;
}

/** What a host journals of a drill at its current target, five seconds from one event to the next. */
export async function journalDrill(
  fleet: TestFleet,
  host: string,
  { at, without = [], more = [], report }: TestDrillOptions,
): Promise<void> {
  const target = await fleet.target(host);
  const journal = await fleet.journal(host);
  if (journal.position.seq === 0) {
    const body = { reason: 'first-contact', running: before, confirmed: before, agentVersion: '0.1.0' } as const;
    await journal.append({ kind: 'journal-started', body }, { at });
  }
  const all = [...drillEvents(target, at, report), ...more].filter(({ kind }) => !without.includes(kind));
  for (const [i, content] of all.entries()) {
    await journal.append(content, { at: addSeconds(at, 5 * i), rolloutId: target.rolloutId });
  }
}

const before = `/nix/store/${'9'.repeat(32)}-nixos-system-before` as HostTarget['closure'];
const nothing = '0'.repeat(64) as Sha256Hex;

function drillEvents(target: HostTarget, at: Instant, report?: EventContent): EventContent[] {
  const policy = SwitchPolicy.parse({ ...testPolicy, compliance: { mode: 'enforce', frameworks: ['nis2'] } });
  const deadline = addSeconds(at, 600);
  const failure: EventContent = {
    kind: 'compliance-failure',
    body: {
      ...{ closure: target.closure, activation: target, controlId: syntheticControl.controlId },
      ...{ ruleIds: [syntheticControl.ruleId], status: 'fail', mode: 'enforce', frameworkArticles: {} },
      ...{ evidenceSha256: nothing, evidenceCollectedAt: at, evidenceSnippetSha256: nothing, snippet: '{}' },
    },
  };
  return [
    { kind: 'fetching', body: { target, policy } },
    { kind: 'activating', body: { target, revertTo: before, deadline } },
    { kind: 'confirming', body: { target, deadline } },
    report ?? failure,
    { kind: 'failed', body: { target, cause: 'compliance-failed', revertTo: before } },
    { kind: 'reverting', body: { target, to: before, cause: 'failed' } },
    { kind: 'reverted', body: { target, to: before, cause: 'failed', by: 'agent' } },
  ];
}
