import type { CatalogueRule, StaticReport, StaticRuleResult } from '@nixfleet/contracts';

/** What a catalogue says of a rule, for people. */
export type RuleText = Pick<CatalogueRule, 'name' | 'remediation'>;

/**
 * What one rule comes to on one host. `blocks`: it stops a release; `warns`: it is reported alone; `waived`: a waiver covers it;
 * `passes`; `skipped`: nothing was evaluated, and `why` says why.
 */
export interface ReportFinding {
  readonly host: string;
  /** Null where the host as a whole is missing: it has no catalogue. */
  readonly controlId: string | null;
  readonly ruleId: string;
  readonly severity: string | null;
  readonly outcome: 'blocks' | 'warns' | 'waived' | 'passes' | 'skipped';
  readonly why: string;
  readonly result: Partial<StaticRuleResult>;
}

/** Stands for a host without a catalogue where a policy asks for one. */
export const noCatalogueRule = 'no-catalogue';

/** Every rule of every host of a static report, in the order of host, control and rule. */
export function reportFindings({ hosts }: StaticReport): readonly ReportFinding[] {
  return Object.entries(hosts)
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .flatMap(([host, { mode, catalogue, controls }]): ReportFinding[] => {
      if (catalogue === null) {
        const outcome = mode === 'enforce' ? 'blocks' : mode === 'permissive' ? 'warns' : 'skipped';
        const why = outcome === 'skipped' ? 'its mode is disabled' : 'no compliance module is imported';
        return [{ host, controlId: null, ruleId: noCatalogueRule, severity: null, outcome, why, result: {} }];
      }
      return controls.flatMap((control) =>
        control.rules.map((result) => {
          const { id: ruleId, severity } = result;
          return { host, controlId: control.controlId, ruleId, severity, result, ...outcomeOf(result, control.mode) };
        }),
      );
    });
}

function outcomeOf(
  { status, decision, reason, via, waiverId }: StaticRuleResult,
  mode: string,
): Pick<ReportFinding, 'outcome' | 'why'> {
  if (status === 'not-applicable') return { outcome: 'skipped', why: via ?? reason ?? 'not applicable' };
  if (decision === 'waived') return { outcome: 'waived', why: `waived by ${waiverId}` };
  if (decision === 'pass') return { outcome: 'passes', why: 'passes' };
  const what = status === 'error' ? 'was not evaluated' : 'fails';
  if (mode === 'disabled') return { outcome: 'skipped', why: `${what}, and its mode is disabled` };
  return { outcome: mode === 'enforce' ? 'blocks' : 'warns', why: `${what} under ${mode}` };
}

/** What was read, what was expected and what to write, in lines. */
export function findingLines({ host, controlId, ruleId, why, result }: ReportFinding, text?: RuleText): string[] {
  const { optionPath, observed, expected, fix } = result;
  const lines = [`${host}: ${controlId === null ? '' : `${controlId} `}${ruleId} ${why}`];
  if (text) lines.push(text.name);
  if (optionPath) lines.push(`option ${optionPath}`);
  if (observed !== undefined) lines.push(`observed ${JSON.stringify(observed)}`);
  if (expected !== undefined) lines.push(`expected ${JSON.stringify(expected)}`);
  if (fix) lines.push(`fix: ${fix}`);
  return lines;
}
