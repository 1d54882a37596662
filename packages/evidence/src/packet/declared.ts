import {
  type ComplianceDecision,
  type ComplianceMode,
  type ComplianceStatus,
  type Instant,
  lookup,
  type StaticHostReport,
  type StaticRuleResult,
  syntheticControl,
} from '@nixfleet/contracts';
import { failuresOf } from '../static-gate.ts';
import type { HostFindings } from './findings.ts';
import type { HistoricRelease } from './historic-release.ts';
import { releasesInForce } from './in-force.ts';

/** What the static report of one release says of one host. */
export interface DeclaredHost {
  readonly release: HistoricRelease;
  readonly report: StaticHostReport;
}

/** What releases of a packet say of one host: those that were in force in its period, and those that it collected under. */
export function declaredOf(
  { host, collectedUnder }: Pick<HostFindings, 'host' | 'collectedUnder'>,
  releases: readonly HistoricRelease[],
  period: { readonly from: Instant; readonly to: Instant },
): readonly DeclaredHost[] {
  const inForce = new Set(releasesInForce(releases, period));
  return releases.flatMap((release) => {
    if (!inForce.has(release) && !collectedUnder.includes(release.releaseId)) return [];
    const report = release.report && lookup(release.report.hosts, host);
    return report ? [{ release, report }] : [];
  });
}

/**
 * Whether a rule of its configuration failed and no waiver covered it, or nothing was evaluated where something was to be. Of an
 * enforced control none can: no such release is signed. A drill fails on purpose.
 */
export function hasDeclaredFailure(declared: readonly DeclaredHost[], { host }: Pick<HostFindings, 'host'>): boolean {
  return declared.some(({ report }) =>
    failuresOf({ host, channel: report.channel, mode: report.mode }, report).some(
      ({ controlId, mode }) => mode !== 'disabled' && controlId !== syntheticControl.controlId,
    ),
  );
}

/** A rule that did not pass in the static reports of one release after the other. */
export interface DeclaredSpan {
  /** Versions; of the releases between them that are about the host, each. */
  readonly first: number;
  readonly last: number;
  readonly controlId: string;
  readonly ruleId: string;
  readonly mode: ComplianceMode;
  readonly status: ComplianceStatus;
  readonly decision: ComplianceDecision;
  readonly waiverId: string | null;
}

/** In the order in which they began. */
export function declaredSpans(declared: readonly DeclaredHost[]): readonly DeclaredSpan[] {
  const closed: DeclaredSpan[] = [];
  let open = new Map<string, DeclaredSpan>();
  for (const { release, report } of declared) {
    const { version } = release.document;
    const next = new Map<string, DeclaredSpan>();
    for (const { controlId, mode, rules } of report.controls) {
      for (const { id: ruleId, status, decision, waiverId = null } of rules.filter(isBad)) {
        const key = [controlId, ruleId, mode, status, decision, waiverId].join('\0');
        const first = open.get(key)?.first ?? version;
        open.delete(key);
        next.set(key, { first, last: version, controlId, ruleId, mode, status, decision, waiverId });
      }
    }
    closed.push(...open.values());
    open = next;
  }
  const order = (span: DeclaredSpan) => `${String(span.first).padStart(16, '0')}\0${span.controlId}\0${span.ruleId}`;
  return [...closed, ...open.values()].sort((left, right) => (order(left) < order(right) ? -1 : 1));
}

/** Waivers that decided something of its configuration, by identifier. */
export function declaredWaivers(declared: readonly DeclaredHost[]): ReadonlySet<string> {
  return new Set(declaredSpans(declared).flatMap(({ waiverId }) => waiverId ?? []));
}

/** Waivers that a weaker mode of it rests on, by identifier. */
export function modeWaivers(declared: readonly DeclaredHost[]): ReadonlySet<string> {
  return new Set(declared.flatMap(({ report }) => (report.weakened ?? []).map(({ waiver }) => waiver)));
}

export function isBad({ status }: StaticRuleResult): boolean {
  return status === 'fail' || status === 'error';
}
