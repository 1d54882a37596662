import {
  type CompliancePolicy,
  type ComplianceStanding,
  type ControlId,
  controlsMax,
  type EventContent,
  type HostState,
  type Instant,
  type ManifestHost,
  type RolloutId,
  type Withheld,
} from '@nixfleet/contracts';

/** Names listed in one reason: as many as it may have. */
const controlsNamedMax = 50;

type CollectionEvent = Extract<
  EventContent,
  { kind: 'compliance-passed' | 'compliance-failure' | 'runtime-gate-error' }
> & { readonly at: Instant };

/**
 * What is known after one more event of a collection. A pass is the whole of its collection; each failure adds a control to
 * those that fail, until a pass. What is not enforced changes nothing.
 */
export function afterCollection(
  before: ComplianceStanding | undefined,
  event: CollectionEvent,
): ComplianceStanding | undefined {
  const { closure } = event.body;
  const known = before?.closure === closure ? before : unmeasuredOf(closure);
  switch (event.kind) {
    case 'compliance-passed': {
      const { evidenceSha256 } = event.body;
      return { closure, passed: { at: event.at, evidenceSha256 }, failing: [], error: null, hasPassed: true };
    }
    case 'compliance-failure':
      if (event.body.mode !== 'enforce') return before;
      return { ...known, passed: null, failing: withControl(known.failing, event.body.controlId) };
    case 'runtime-gate-error':
      return event.body.mode === 'enforce' ? { ...known, passed: null, error: event.body.reason } : before;
    default:
      return event;
  }
}

function unmeasuredOf(closure: ComplianceStanding['closure']): ComplianceStanding {
  return { closure, passed: null, failing: [], error: null, hasPassed: false };
}

function withControl(failing: readonly ControlId[], control: ControlId): ControlId[] {
  return failing.includes(control) ? [...failing] : [...failing, control].slice(0, controlsMax);
}

/** What fails of what runs, as names: controls, or why nothing could be said. Empty: nothing does. */
function complianceProblems({ compliance, running }: HostState): readonly string[] {
  return compliance === undefined || compliance.closure !== running ? [] : problemsOf(compliance);
}

function problemsOf({ failing, error }: ComplianceStanding): readonly string[] {
  return error === null ? failing : [...failing, error];
}

/** What fails of what runs, as a reason; null: nothing does. */
export function complianceWithheld(state: HostState): Withheld | null {
  const names = complianceProblems(state).slice(0, controlsNamedMax);
  return names.length === 0 ? null : { code: 'compliance', names };
}

/**
 * Why a host of an earlier wave keeps the next one shut under `enforce`: silence is no pass. Null: it does not. A host that
 * failed for its controls under this rollout does so until a newer one, also where other failures are borne.
 */
export function complianceOf(
  state: HostState,
  {
    entry,
    rolloutId,
    hasConverged,
  }: { readonly entry: ManifestHost; readonly rolloutId: RolloutId; readonly hasConverged: boolean },
): readonly string[] | null {
  const failed = state.quarantine.some(
    (quarantine) => quarantine.rolloutId === rolloutId && quarantine.cause === 'compliance-failed',
  );
  if (failed) return ['compliance-failed'];
  const { compliance } = state;
  const measured = compliance?.closure === entry.closure ? compliance : null;
  const problems = measured ? problemsOf(measured) : [];
  if (problems.length > 0) return problems;
  if (!hasConverged) return null;
  return measured?.passed ? null : ['no-pass'];
}

/** What passed since it was activated and does not any more, where policy holds a host for it; or null. */
export function heldByCompliance(state: HostState, { mode, onDrift }: CompliancePolicy): Withheld | null {
  if (mode !== 'enforce' || onDrift !== 'hold' || !hasLapsed(state)) return null;
  return complianceWithheld(state);
}

/** An enforced control of what runs passed after its activation, and fails now. */
export function hasLapsed(state: HostState): boolean {
  return state.compliance?.hasPassed === true && complianceProblems(state).length > 0;
}
