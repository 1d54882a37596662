import type { StaticReport } from '@nixfleet/contracts';
import { nixfleetVersion } from '../version.ts';
import { findingLines, noCatalogueRule, type ReportFinding, type RuleText, reportFindings } from './report-findings.ts';

const levels = { blocks: 'error', warns: 'warning', waived: 'note' } as const;
type Told = ReportFinding & { readonly outcome: keyof typeof levels };

/**
 * A static report as SARIF 2.1.0 (OASIS, https://docs.oasis-open.org/sarif/sarif/v2.1.0/): one result for each rule that does not
 * pass on a host, `error` where it stops a release and `warning` where it does not; one that a waiver covers is suppressed.
 * The same report makes the same bytes. Where in the configuration it is says the logical location, host and option: which file
 * sets an option is not known, so `file` stands for the whole, for viewers that show nothing without one.
 */
export function sarifReport(
  report: StaticReport,
  { rules, file }: { readonly rules: ReadonlyMap<string, RuleText>; readonly file: string },
): object {
  const told = reportFindings(report).filter((finding): finding is Told => finding.outcome in levels);
  const ids = [...new Set(told.map(({ ruleId }) => ruleId))].sort();
  return {
    $schema: 'https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: {
            name: 'nixfleet',
            version: nixfleetVersion,
            rules: ids.map((id) => ruleOf(id, rules.get(id))),
          },
        },
        columnKind: 'utf16CodeUnits',
        results: told.map((finding) => resultOf(finding, { index: ids.indexOf(finding.ruleId), rules, file })),
      },
    ],
  };
}

function ruleOf(id: string, text: RuleText | undefined): object {
  if (id === noCatalogueRule) {
    const name = 'A host without the compliance module';
    return {
      id,
      shortDescription: { text: name },
      help: { text: 'Import the compliance module into its configuration.' },
    };
  }
  if (!text) return { id };
  return { id, shortDescription: { text: text.name }, help: { text: text.remediation } };
}

function resultOf(
  finding: Told,
  {
    index,
    rules,
    file,
  }: { readonly index: number; readonly rules: ReadonlyMap<string, RuleText>; readonly file: string },
): object {
  const { host, controlId, ruleId, severity, outcome, why, result } = finding;
  const where = [host, result.optionPath].filter(Boolean).join('.');
  return {
    ruleId,
    ruleIndex: index,
    level: levels[outcome],
    kind: 'fail',
    message: { text: findingLines(finding, rules.get(ruleId)).join('\n') },
    locations: [
      {
        physicalLocation: { artifactLocation: { uri: file } },
        logicalLocations: [{ name: host, fullyQualifiedName: where, kind: 'member' }],
      },
    ],
    // The same finding of the next release is the same finding, whatever its values.
    partialFingerprints: { 'hostAndRule/v1': `${host}/${controlId ?? ''}/${ruleId}` },
    ...(outcome === 'waived' ? { suppressions: [{ kind: 'external', status: 'accepted', justification: why }] } : {}),
    properties: { host, controlId, severity },
  };
}
