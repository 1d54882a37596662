import type { DrillRecord, DrillStep, HostName } from '@nixfleet/contracts';
import { addSeconds, instantToMs } from '@nixfleet/contracts';
import { formerApprover } from '../drill/drill-approval.ts';
import { provesGate } from '../drill/drill-problem.ts';
import { coverageOf } from './coverage.ts';
import { type DeclaredHost, declaredOf, declaredSpans } from './declared.ts';
import type { HostFindings, PacketDrill, PacketFindings } from './findings.ts';
import { escapeHtml, list, page, section, table } from './html.ts';
import { askedText, type ControlSpan, gapText } from './timeline.ts';
import { staleWaiverDays, staleWaivers, waiverUses } from './waiver-use.ts';

/**
 * The page that people read: no scripts, nothing from elsewhere, written from verified documents alone, so that whoever
 * verifies the packet can render it again and compare. The same findings make the same bytes.
 */
export function renderPacketReport(findings: PacketFindings): string {
  const { manifest } = findings;
  const title = `Compliance evidence of ${manifest.fleet}, ${day(manifest.from)} to ${day(manifest.to)}`;
  return page(title, [
    scope(findings),
    breaksOf(findings),
    coverage(findings),
    exceptions(findings),
    drills(findings.drills),
    releases(findings),
    ...findings.hosts.map((host) => hostAnnex(host, findings)),
    howToVerify(findings),
  ]);
}

function scope({ manifest, hosts, trust, releases: known, incompleteHosts, leftOut }: PacketFindings): string {
  const newest = trust.at(-1)?.document;
  const collections = hosts.reduce((sum, { timeline }) => sum + timeline.collections, 0);
  const presets = new Set<string>();
  for (const { catalogue } of hosts) {
    for (const [framework, value] of Object.entries(catalogue?.governance.presets ?? {})) {
      presets.add(value === '' ? framework : `${framework}: ${value}`);
    }
  }
  return section('Scope and period', [
    table(
      ['', ''],
      [
        ['Fleet', manifest.fleet],
        ['Period', `${manifest.from} up to ${manifest.to}, exclusive`],
        ['Hosts', manifest.hosts.join(', ')],
        ['Hosts of the fleet that are left out', leftOut.join(', ') || 'none'],
        ['Frameworks', [...presets].sort().join(', ') || 'none declared'],
        ['Collections verified', String(collections)],
        ['Releases', known.map(({ document }) => document.version).join(', ') || 'none'],
        ['Newest trust', newest ? `version ${newest.version}` : 'none'],
        ['Hosts with gaps', incompleteHosts.join(', ') || 'none'],
      ],
    ),
    `<p>A mapping to an article says that evidence contributes to it, never that it is satisfied. Evidence is signed with each
host’s own key, which the releases declare. Root on a host can forge what that host says of itself; no key is held in hardware
that would prevent it. Nothing but the releases and the chain of each host’s evidence shows when something was signed:
there is no independent log or time stamp in this packet.</p>`,
  ]);
}

function breaksOf({ breaks }: PacketFindings): string {
  if (breaks.length === 0)
    return section('Breaks', ['<p>None: everything in this packet verified when it was made.</p>']);
  const rows = breaks.map(({ code, where, detail }) => [code, where, detail]);
  return section('Breaks', [
    '<p>These do not hold, and nothing that they are about is shown below.</p>',
    table(['What', 'Where', 'Detail'], rows),
  ]);
}

function coverage(findings: PacketFindings): string {
  const rows = coverageOf(findings).map(({ framework, article, state, decision, rules }) => [
    framework,
    article,
    state,
    decision ?? '–',
    rules.join(', '),
  ]);
  return section('Coverage by article', [
    `<p><b>measured</b>: a probe looked at the running host. <b>declared</b>: evaluated over the configuration alone.
<b>not-covered</b>: rules speak of it, and none was measured or declared: it does not apply to these hosts, nothing measures it, or a
person has to state it, and this packet holds nobody’s statement. Decisions are the worst of any host: at its last collection,
and over its configuration in the release that it last collected under and in the newest one. Articles that no rule speaks of are
not listed and not covered.</p>`,
    rows.length === 0
      ? '<p>No catalogue of controls is in this packet, so nothing can be said of any article.</p>'
      : table(['Framework', 'Article', 'State', 'Decision', 'Rules'], rows),
  ]);
}

function exceptions(found: PacketFindings): string {
  const waivers = new Map(
    found.releases.flatMap((release) => release.waivers.map((waiver) => [waiver.document.id, waiver])),
  );
  const [used, stale] = [waiverUses(found), staleWaivers(found)];
  const useOf = (id: string): string =>
    stale.has(id)
      ? `stale: its rule has passed for ${staleWaiverDays} days`
      : (used.get(id)?.join(', ') ?? 'no failure of these hosts');
  const rows = [...waivers.values()]
    .sort((left, right) => (left.document.id < right.document.id ? -1 : 1))
    .map(({ document }) => [
      document.id,
      `${document.controlId} ${document.ruleId}`,
      JSON.stringify(document.scope),
      document.risk,
      `${document.owner}; approved by ${document.approver}`,
      `${document.createdAt} up to ${document.expiresAt}`,
      useOf(document.id),
      document.justification,
    ]);
  return section('Exceptions', [
    rows.length === 0
      ? '<p>No waiver is bound by a release of this packet.</p>'
      : table(['Waiver', 'Rule', 'Scope', 'Risk', 'People', 'Life', 'Decided on', 'Justification'], rows),
    '<p>A waiver that a weaker mode rests on need not cover a failure.</p>',
  ]);
}

function drills(found: readonly PacketDrill[]): string {
  if (found.length === 0) {
    return section('Drills', [
      '<p><b>No drill in the period: gate reported unproven.</b> Nothing in this packet shows that a host which fails is stopped.</p>',
    ]);
  }
  const rows = found.map(({ record, unchecked, isStillApproved }) => [
    record.id,
    record.failAt,
    record.hosts.join(', '),
    record.held?.join(', ') || 'none',
    `${record.startedAt}, ${secondsOf(record)} s of at most ${record.limitSeconds} s`,
    record.steps.map(stepText).join(', '),
    `${shownBy(record, unchecked)}${isStillApproved ? '' : `; ${formerApprover}`}`,
    record.passed ? 'passed' : 'failed',
  ]);
  const isProven = found.some(({ record }) => provesGate(record));
  return section('Drills', [
    '<p>A control that fails on purpose was released. Each step is what the gate had to do about it.</p>',
    ...(isProven ? [] : ['<p><b>No drill on a host passed in the period: gate reported unproven.</b></p>']),
    table(['Drill', 'Fails at', 'Hosts', 'Held', 'When', 'Steps', 'Shown by', 'Outcome'], rows),
  ]);
}

function stepText({ name, isObserved, afterSeconds }: DrillStep): string {
  return isObserved ? `${name} after ${afterSeconds} s` : `${name}: not seen`;
}

function secondsOf({ startedAt, endedAt }: DrillRecord): number {
  return (instantToMs(endedAt) - instantToMs(startedAt)) / 1000;
}

function shownBy({ failAt, commit }: DrillRecord, unchecked: readonly HostName[]): string {
  if (failAt === 'static') return `its signers; no release here is of commit ${commit}`;
  return unchecked.length === 0
    ? 'the journals in this packet'
    : `its signers: the journals of ${unchecked.join(', ')} are not in this packet`;
}

function releases({ releases: known, commits }: PacketFindings): string {
  const rows = known.map(({ document, releaseId, signers, isStillTrusted, report }) => [
    String(document.version),
    document.createdAt,
    document.source.commit,
    commits.has(document.source.commit) ? 'in this packet' : 'not in this packet',
    isStillTrusted ? signers.join(', ') : `${signers.join(', ')} (no longer enough under the newest trust)`,
    report ? `${report.summary.pass} pass, ${report.summary.fail} fail, ${report.summary.waived} waived` : 'none',
    releaseId,
  ]);
  return section('Releases', [
    table(['Version', 'Made', 'Commit', 'Commit object', 'Signed by', 'Static report', 'SHA-256'], rows),
  ]);
}

function hostAnnex(findings: HostFindings, { manifest, drills: found, releases: known }: PacketFindings): string {
  const { host, timeline, ran, catalogue, asked } = findings;
  const parts: string[] = [];
  const newest = known.at(-1)?.document.version ?? null;
  const { collections, first, last, gaps, controls } = timeline;
  parts.push(
    table(
      ['', ''],
      [
        ['Was to collect', askedText(asked, { period: manifest, newest }) ?? 'throughout the period'],
        ['Collections verified', String(collections)],
        ['First and last', first === null ? 'none' : `${first} and ${last}`],
        ['Catalogue', catalogue?.version ?? 'none'],
      ],
    ),
  );
  parts.push('<h3>Gaps</h3>');
  parts.push(
    gaps.length === 0
      ? collections === 0
        ? '<p>None: no release of the period asks it to collect anything: it is not in the fleet, or in a channel that measures nothing (mode disabled).</p>'
        : '<p>None: never longer than twice the interval between two collections, while a release asks for them.</p>'
      : list(gaps.map((gap) => `${gap.from} to ${gap.to}: ${gapText(gap)}`)),
  );
  parts.push('<h3>Controls over time</h3>');
  const rows = [...controls]
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .flatMap(([controlId, spans]) => spans.map((span, i) => spanRow(i === 0 ? controlId : '', span)));
  parts.push(table(['Control', 'From', 'To', 'Measured', 'Decision', 'Rules that did not pass', 'Waivers'], rows));
  parts.push('<h3>Its configuration, by the static reports of releases</h3>');
  parts.push(declaredTable(declaredOf(findings, known, manifest)));
  parts.push('<h3>Drills</h3>');
  const own = found.filter(({ record }) => record.hosts.includes(host) || record.held?.includes(host));
  parts.push(
    own.length === 0
      ? '<p>It took part in none in this period.</p>'
      : list(own.map(({ record }) => `${record.id}, ${record.startedAt}: ${partOf(host, record)}`)),
  );
  parts.push('<h3>What it ran, by its own journal</h3>');
  parts.push(
    ran === null
      ? '<p>No journal of this host is in this packet.</p>'
      : table(
          ['From', 'To', 'Closure', 'Commit'],
          ran.map((one) => [one.from, one.to ?? 'still', one.running ?? 'nothing', one.commit ?? 'not known']),
        ),
  );
  return section(`Host ${host}, ${day(manifest.from)} to ${day(addSeconds(manifest.to, -1))}`, parts);
}

function partOf(host: HostName, { hosts, failAt, passed }: DrillRecord): string {
  const part = hosts.includes(host) ? `failed on purpose (${failAt})` : 'was to wait';
  return `${part}; the drill ${passed ? 'passed' : 'failed'}`;
}

function spanRow(name: string, { from, to, status, decision, failing, waivers, changesFolded }: ControlSpan): string[] {
  const decided =
    changesFolded === 0 ? decision : `${decision} (the worst of ${changesFolded + 1} spans that are not shown)`;
  return [name, from, to, status, decided, failing.join(', '), waivers.join(', ')];
}

function declaredTable(declared: readonly DeclaredHost[]): string {
  if (declared.length === 0) return '<p>No release of the period has a static report that is about it.</p>';
  const without = declared.filter(({ report }) => report.catalogue === null && report.mode !== 'disabled');
  const rows = declaredSpans(declared).map(({ first, last, controlId, ruleId, mode, status, decision, waiverId }) => [
    first === last ? String(first) : `${first} to ${last}`,
    ...[`${controlId} ${ruleId}`, mode, status, decision, waiverId ?? ''],
  ]);
  const versions = without.map(({ release }) => release.document.version).join(', ');
  return [
    ...(without.length === 0 ? [] : [`<p>Nothing was evaluated, and something was to be, in: ${versions}.</p>`]),
    rows.length === 0
      ? '<p>Nothing that was evaluated failed.</p>'
      : table(['Releases', 'Rule', 'Mode', 'Evaluated', 'Decision', 'Waiver'], rows),
  ].join('\n');
}

function howToVerify({ manifest }: PacketFindings): string {
  return section('How to verify', [
    `<p>With the program, and a trust document that you got by another way than this packet:</p>
<pre>nixfleet compliance packet verify PACKET --trust trust-1.json</pre>
<p>It renders this page again from what it verified, and says so if this is another one. With stock tools only (sha256sum, tar,
zstd, ssh-keygen, openssl): the commands are in README.md. Compare keys/ and the trust documents with copies that you held
before. Fleet ${escapeHtml(manifest.fleet)}.</p>`,
  ]);
}

function day(instant: string): string {
  return instant.slice(0, 10);
}
