import type { StaticReport } from '@nixfleet/contracts';
import { findingLines, type ReportFinding, type RuleText, reportFindings } from './report-findings.ts';

/**
 * A static report as JUnit XML: a suite a host, a case a rule. What stops a release is a failure, and an error where it could not
 * be evaluated; everything else that does not pass is skipped, with why, because JUnit knows no warning. The same report makes
 * the same bytes.
 */
export function junitReport(report: StaticReport, rules: ReadonlyMap<string, RuleText>): string {
  const hosts = new Map<string, ReportFinding[]>();
  for (const finding of reportFindings(report)) {
    const suite = hosts.get(finding.host) ?? [];
    if (suite.push(finding) === 1) hosts.set(finding.host, suite);
  }
  const suites = [...hosts].flatMap(([host, findings]) => [
    `  <testsuite name="${escapeXml(host)}" ${counts(findings)}>`,
    ...findings.map((finding) => testCase(finding, rules.get(finding.ruleId))),
    '  </testsuite>',
  ]);
  const all = [...hosts.values()].flat();
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="compliance" ${counts(all)}>`,
    ...suites,
    '</testsuites>',
    '',
  ].join('\n');
}

const isError = ({ outcome, result }: ReportFinding): boolean => outcome === 'blocks' && result.status === 'error';
const isFailure = (finding: ReportFinding): boolean => finding.outcome === 'blocks' && !isError(finding);
const isSkipped = ({ outcome }: ReportFinding): boolean => outcome !== 'blocks' && outcome !== 'passes';

function counts(findings: readonly ReportFinding[]): string {
  const count = (test: (finding: ReportFinding) => boolean) => findings.filter(test).length;
  return `tests="${findings.length}" failures="${count(isFailure)}" errors="${count(isError)}" skipped="${count(isSkipped)}"`;
}

function testCase(finding: ReportFinding, text: RuleText | undefined): string {
  const { host, controlId, ruleId, why } = finding;
  const names = `classname="${escapeXml(`${host}.${controlId ?? 'host'}`)}" name="${escapeXml(text ? `${ruleId} ${text.name}` : ruleId)}"`;
  const lines = escapeXml(findingLines(finding, text).join('\n'));
  const reason = escapeXml(why);
  if (isSkipped(finding)) return `    <testcase ${names}><skipped message="${reason}"/></testcase>`;
  if (finding.outcome === 'passes') return `    <testcase ${names}/>`;
  const element = isError(finding) ? 'error' : 'failure';
  return `    <testcase ${names}><${element} message="${reason}">${lines}</${element}></testcase>`;
}

const entities: ReadonlyMap<string, string> = new Map([
  ['&', '&amp;'],
  ['<', '&lt;'],
  ['>', '&gt;'],
  ['"', '&quot;'],
]);

/** XML 1.0 has no way to write most control characters and no lone surrogates; they are shown as replaced. */
function escapeXml(text: string): string {
  return text
    .toWellFormed()
    .replaceAll(/[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/gu, '\u{fffd}')
    .replaceAll(/[&<>"]/g, (character) => entities.get(character) ?? '');
}
