import type { ComplianceDecision, ComplianceStatus, EvidenceDocument, Instant } from '@nixfleet/contracts';
import { addSeconds } from '@nixfleet/contracts';

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
}

/** A time in which nothing was collected, longer than twice what the catalogue asks. */
export interface Gap {
  readonly from: Instant;
  readonly to: Instant;
}

export interface HostTimeline {
  readonly collections: number;
  readonly first: Instant | null;
  readonly last: Instant | null;
  readonly gaps: readonly Gap[];
  readonly controls: ReadonlyMap<string, readonly ControlSpan[]>;
}

/** Intervals without a collection that make a gap. */
const gapIntervals = 2;
/** Most spans of one control that are kept; the last one then goes on. */
const spansMax = 1000;
/** Most gaps that are listed. */
const gapsMax = 1000;

/** Folds verified collections, in order, into what a report shows. Memory grows with changes, not with collections. */
export class TimelineBuilder {
  readonly #period: { readonly from: Instant; readonly to: Instant };
  readonly #controls = new Map<string, ControlSpan[]>();
  readonly #gaps: Gap[] = [];
  #collections = 0;
  #first: Instant | null = null;
  #last: Instant | null = null;
  #intervalSeconds = 3600;

  constructor(period: { readonly from: Instant; readonly to: Instant }) {
    this.#period = period;
  }

  /** `intervalSeconds`: of the catalogue that it was collected under. */
  add(document: EvidenceDocument, intervalSeconds: number): void {
    const { collectedAt } = document;
    this.#gap(this.#last ?? this.#period.from, collectedAt);
    this.#collections++;
    this.#first ??= collectedAt;
    this.#last = collectedAt;
    this.#intervalSeconds = intervalSeconds;
    for (const control of document.controls) this.#control(control, collectedAt);
  }

  finish(): HostTimeline {
    this.#gap(this.#last ?? this.#period.from, this.#period.to);
    return {
      collections: this.#collections,
      first: this.#first,
      last: this.#last,
      gaps: this.#gaps,
      controls: this.#controls,
    };
  }

  #gap(from: Instant, to: Instant): void {
    if (to <= addSeconds(from, gapIntervals * this.#intervalSeconds) || this.#gaps.length >= gapsMax) return;
    this.#gaps.push({ from, to });
  }

  #control({ controlId, status, decision, rules }: EvidenceDocument['controls'][number], at: Instant): void {
    const spans = this.#controls.get(controlId) ?? [];
    if (spans.length === 0) this.#controls.set(controlId, spans);
    const failing = rules.filter((rule) => rule.status === 'fail' || rule.status === 'error').map(({ id }) => id);
    const waivers = [...new Set(rules.flatMap(({ waiverId }) => (waiverId === undefined ? [] : [waiverId])))];
    const last = spans.at(-1);
    const isSame = last?.status === status && last.decision === decision && last.failing.join() === failing.join();
    if (last && (isSame || spans.length >= spansMax)) spans[spans.length - 1] = { ...last, to: at };
    else spans.push({ from: at, to: at, status, decision, waivers, failing });
  }
}
