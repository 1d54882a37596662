import { controlsMax, EvidenceControl, EvidenceDocument, EvidenceRule, type Json, ProbeRun } from '@nixfleet/contracts';
import { controlProblems, evidenceProblems, ruleProblem } from './evidence-problems.ts';
import { isObject } from './expectation.ts';
import { isSameJson } from './same-json.ts';

interface Known {
  readonly json: Json;
  readonly control: EvidenceControl;
  readonly problems: readonly string[];
}

/**
 * The shape of evidence, for documents of one host that follow each other: most rules are what they were an hour ago but for
 * how their probes ran and what was observed, and then only that is checked. What comes out is what `EvidenceDocument` and
 * `evidenceProblems` say of every document by itself; memory is that of one document.
 */
export class EvidenceReader {
  /** Of the last document that was good, by place. */
  #known: readonly Known[] = [];

  safeParse(value: unknown): ReturnType<typeof EvidenceDocument.safeParse> {
    const { controls, ...rest } = isObject(value as Json) ? (value as { readonly [name: string]: Json }) : {};
    if (!Array.isArray(controls) || controls.length > controlsMax) return EvidenceDocument.safeParse(value);
    const known: Known[] = [];
    for (const [place, json] of (controls as readonly Json[]).entries()) {
      const found = this.#reused(place, json) ?? readControl(json);
      // What is wrong is told with its path in the document.
      if (found === null) return EvidenceDocument.safeParse(value);
      known.push(found);
    }
    const shape = EvidenceDocument.safeParse({ ...rest, controls: [] });
    if (!shape.success) return EvidenceDocument.safeParse(value);
    this.#known = known;
    return { success: true, data: { ...shape.data, controls: known.map(({ control }) => control) } };
  }

  /** As `evidenceProblems`, for the document that was read last. */
  problemsOf(document: EvidenceDocument): string[] {
    const problems = new Map(this.#known.map((known) => [known.control, known.problems]));
    return evidenceProblems(document, (control) => problems.get(control) ?? controlProblems(control));
  }

  #reused(place: number, json: Json): Known | null {
    const before = this.#known[place];
    // A control that is at odds with itself is looked at whole.
    if (before === undefined || before.problems.length > 0 || !isObject(json) || !isObject(before.json)) return null;
    const control = sameButRuns(json, before.json, before.control);
    return control && { json, control, problems: [] };
  }
}

function readControl(json: Json): Known | null {
  const parsed = EvidenceControl.safeParse(json);
  return parsed.success ? { json, control: parsed.data, problems: controlProblems(parsed.data) } : null;
}

type JsonObject = { readonly [name: string]: Json };
type Rule = EvidenceControl['rules'][number];

/** The control, where `json` differs from `before` in nothing but what changes from hour to hour; else null. */
function sameButRuns(json: JsonObject, before: JsonObject, control: EvidenceControl): EvidenceControl | null {
  if (!isSameBut(['rules'], json, before)) return null;
  const [found, earlier] = [json.rules, before.rules];
  if (!Array.isArray(found) || !Array.isArray(earlier) || found.length !== earlier.length) return null;
  const rules: Rule[] = [];
  for (const [place, rule] of control.rules.entries()) {
    const same = sameButRun(found[place] as Json, earlier[place] as Json, rule);
    if (same === null) return null;
    rules.push(same);
  }
  return { ...control, rules };
}

/** The rule, where only how long its probe took, what that printed and what was observed differ, and that is in order. */
function sameButRun(json: Json, before: Json, rule: Rule): Rule | null {
  if (!isObject(json) || !isObject(before) || !isSameBut(['probe', 'observed'], json, before)) return null;
  const { probe, observed } = json;
  let same = rule;
  if (!isSameJson(observed, before.observed)) {
    const parsed = EvidenceRule.shape.observed.safeParse(observed);
    if (!parsed.success) return null;
    same = { ...same, observed: parsed.data };
    if (ruleProblem(same) !== null) return null;
  }
  if (probe === undefined || isSameJson(probe, before.probe)) return same;
  if (!isObject(probe) || !isObject(before.probe as Json) || probe.exitCode !== (before.probe as JsonObject).exitCode) {
    return null;
  }
  const run = ProbeRun.safeParse(probe);
  return run.success ? { ...same, probe: run.data } : null;
}

/** Whether two objects have the same members, and the same in all of them but some. */
function isSameBut(except: readonly string[], left: JsonObject, right: JsonObject): boolean {
  const names = Object.keys(left);
  if (names.length !== Object.keys(right).length) return false;
  return names.every(
    (name) => Object.hasOwn(right, name) && (except.includes(name) || isSameJson(left[name], right[name])),
  );
}
