import type { ComplianceDecision, ComplianceStatus, EvidenceDocument, Instant } from '@nixfleet/contracts';
import { addSeconds } from '@nixfleet/contracts';
import { combineDecisions } from '../decide.ts';
import { isCovered, overlapOf, type Period } from './period.ts';

/** What one control was from one collection to the next that differs. */
export interface ControlSpan {
  readonly from: Instant;
  /** Of the last collection that said so. */
  readonly to: Instant;
  readonly status: ComplianceStatus;
  readonly decision: ComplianceDecision;
  readonly waivers: readonly string[];
  /** Rules that did not pass, where any did not. */
  readonly failing: readonly string[];
  /**
   * Changes within it that are not shown, because there were too many. It then has the newest status, the worst decision, and
   * every waiver and failing rule of them.
   */
  readonly changesFolded: number;
}

/** What one rule came to at a collection. */
export interface RuleResult {
  readonly status: ComplianceStatus;
  readonly decision: ComplianceDecision;
}

/** A time in which nothing was collected, longer than twice what the catalogue asks. */
export interface Gap {
  readonly from: Instant;
  readonly to: Instant;
  /** Collections of that time that the host's journal names, where there are any. */
  readonly named?: number;
}

/** What is to be said of a time without a collection. */
export function gapText({ named }: Gap): string {
  return named === undefined
    ? 'nothing was collected'
    : `nothing is here, and its journal names collections of that time: ${named}`;
}

/** When a host was to collect, where that is not all of the period: else null. `newest`: version of the newest release that is here. */
export function askedText(
  asked: readonly Period[],
  { period, newest }: { readonly period: Period; readonly newest: number | null },
): string | null {
  if (isCovered(period, asked)) return null;
  const source = newest === null ? 'no release is here' : `by release ${newest}, the newest that is here`;
  const last = asked.at(-1);
  if (last === undefined) return `never in this period, ${source}`;
  const times = asked.map(({ from, to }) => `${from} to ${to}`).join(', ');
  return last.to >= period.to ? times : `${times}, and not from then on, ${source}`;
}

export interface HostTimeline {
  readonly collections: number;
  readonly first: Instant | null;
  readonly last: Instant | null;
  readonly gaps: readonly Gap[];
  readonly controls: ReadonlyMap<string, readonly ControlSpan[]>;
  /** Every rule as the last collection has it. */
  readonly rules: ReadonlyMap<string, RuleResult>;
  /** Collections that decided `fail`, by control, of all that there were; controls that never did are not here. */
  readonly failures: ReadonlyMap<string, number>;
}

/** Intervals without a collection that make a gap. */
const gapIntervals = 2;
/** Most spans of one control that are kept; what changes later is folded into the last one. */
export const spansMax = 1000;
/** Most gaps that are listed. */
const gapsMax = 1000;

/** Folds verified collections, in order, into what a report shows. Memory grows with changes, not with collections. */
export class TimelineBuilder {
  readonly #period: Period;
  readonly #asked: readonly Period[];
  readonly #controls = new Map<string, ControlSpan[]>();
  readonly #gaps: Gap[] = [];
  /** As the collection before has each control: what is folded into a span is not what it has to be compared with. */
  readonly #newestSpans = new Map<string, ControlSpan>();
  readonly #failures = new Map<string, number>();
  #newest: EvidenceDocument['controls'] = [];
  #collections = 0;
  #first: Instant | null = null;
  #last: Instant | null = null;
  /** Of the collection before; null before the first. */
  #intervalSeconds: number | null = null;

  /** `asked`: times of the period in which collections are asked for. What is missing at others is no gap. */
  constructor(period: Period, { asked = [period] }: { readonly asked?: readonly Period[] } = {}) {
    this.#period = period;
    this.#asked = asked;
  }

  /** `intervalSeconds`: of the catalogue that it was collected under. */
  add(document: EvidenceDocument, intervalSeconds: number): void {
    const { collectedAt } = document;
    // What was asked before the first one is not known here: by its own interval, then.
    this.#gap(this.#last ?? this.#period.from, collectedAt, this.#intervalSeconds ?? intervalSeconds);
    this.#collections++;
    this.#first ??= collectedAt;
    this.#last = collectedAt;
    this.#intervalSeconds = intervalSeconds;
    this.#newest = document.controls;
    for (const control of document.controls) this.#control(control, collectedAt);
  }

  /** `namedBefore`: collections from before the first one that the host's journal names. With any, there is a gap, however short. */
  finish(namedBefore = 0): HostTimeline {
    // However short the period: of a host that said nothing, nothing is known.
    if (this.#last === null || this.#intervalSeconds === null) this.#gaps.push(...this.#asked.slice(0, gapsMax));
    else this.#gap(this.#last, this.#period.to, this.#intervalSeconds);
    const rules = this.#newest.flatMap((control) => control.rules);
    const head = { from: this.#period.from, to: this.#first ?? this.#period.to, named: namedBefore };
    const later = this.#gaps.filter(({ to }) => to > head.to);
    return {
      collections: this.#collections,
      first: this.#first,
      last: this.#last,
      gaps: namedBefore > 0 ? [head, ...later] : this.#gaps,
      controls: this.#controls,
      rules: new Map(rules.map(({ id, status, decision }) => [id, { status, decision }])),
      failures: this.#failures,
    };
  }

  #gap(from: Instant, to: Instant, intervalSeconds: number): void {
    if (to <= addSeconds(from, gapIntervals * intervalSeconds)) return;
    for (const asked of this.#asked) {
      const gap = overlapOf(asked, { from, to });
      if (gap === null || gap.to <= addSeconds(gap.from, gapIntervals * intervalSeconds)) continue;
      if (this.#gaps.length < gapsMax) this.#gaps.push(gap);
    }
  }

  #control({ controlId, status, decision, rules }: EvidenceDocument['controls'][number], at: Instant): void {
    const spans = this.#controls.get(controlId) ?? [];
    if (spans.length === 0) this.#controls.set(controlId, spans);
    const failing = rules.filter((rule) => rule.status === 'fail' || rule.status === 'error').map(({ id }) => id);
    const waivers = [...new Set(rules.flatMap(({ waiverId }) => (waiverId === undefined ? [] : [waiverId])))];
    if (decision === 'fail') this.#failures.set(controlId, (this.#failures.get(controlId) ?? 0) + 1);
    const span: ControlSpan = { from: at, to: at, status, decision, waivers, failing, changesFolded: 0 };
    const last = spans.at(-1);
    const newest = this.#newestSpans.get(controlId);
    this.#newestSpans.set(controlId, span);
    if (last && newest && isSame(newest, span)) spans[spans.length - 1] = { ...last, to: at };
    else if (last && spans.length >= spansMax) spans[spans.length - 1] = folded(last, span);
    else spans.push(span);
  }
}

function isSame(left: ControlSpan, right: ControlSpan): boolean {
  if (left.status !== right.status || left.decision !== right.decision) return false;
  return left.failing.join() === right.failing.join() && left.waivers.join() === right.waivers.join();
}

/** No change after the last that is shown may make it look better. */
function folded(last: ControlSpan, next: ControlSpan): ControlSpan {
  return {
    from: last.from,
    to: next.to,
    status: next.status,
    decision: combineDecisions([last.decision, next.decision]),
    waivers: union(last.waivers, next.waivers),
    failing: union(last.failing, next.failing),
    changesFolded: last.changesFolded + 1,
  };
}

function union(left: readonly string[], right: readonly string[]): readonly string[] {
  return [...new Set([...left, ...right])].sort();
}
