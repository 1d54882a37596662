import type { PlanHost, PlanView, RefusedPlanView } from '@nixfleet/contracts';
import { printable } from '../printable.ts';
import { closureLabel } from './closure-label.ts';
import { controlLines, controlsLabel } from './control-lines.ts';
import { basisLine, forecastSentence, waitingLines } from './forecast-lines.ts';
import { bootLabel, planTitle, sizeLabel } from './plan-page.ts';
import { waveLabel } from './status-page.ts';

/** Most units or packages named of one host: a comment on a pull request has a limit. */
const namesShownMax = 20;
/** Most rules named of all hosts. */
const changesShownMax = 100;
/** Most hosts with rows of their own. */
const hostsShownMax = 200;

/** The plan as a comment on a pull request. Names from closures are strangers' text: nothing of them is markup. */
export function planMarkdown(view: PlanView): string[] {
  const { hosts, forecast, now, warnings } = view;
  const moving = hosts.filter(({ change }) => change !== 'unchanged');
  const still = hosts.length - moving.length;
  const shown = moving.slice(0, hostsShownMax);
  return [
    `### ${text(planTitle(view))}`,
    '',
    ...warnings.map((warning) => `> **Warning:** ${text(printable(warning))}`),
    ...(warnings.length > 0 ? [''] : []),
    ...(shown.length > 0 ? hostTable(shown) : []),
    ...(moving.length > shown.length ? ['', `and ${moving.length - shown.length} more.`] : []),
    ...(still > 0 ? ['', `${still} of ${hosts.length} hosts keep what they run.`] : []),
    '',
    ...controlsSection(hosts),
    '#### Forecast',
    '',
    ...forecast.rollouts.flatMap((rollout) => [
      `- ${text(forecastSentence(rollout, now))}`,
      ...waitingLines(rollout).map((line) => `  - ${text(line)}`),
    ]),
    '',
    `<sub>${text(basisLine(view))}</sub>`,
    ...shown.flatMap((host) => details(host)),
  ];
}

/** Where the static gate refuses. */
export function refusedMarkdown({ refused, hosts }: RefusedPlanView): string[] {
  return [`### ${text(printable(`no release: ${refused.detail}`))}`, '', ...controlsSection(hosts)];
}

function hostTable(hosts: readonly PlanHost[]): string[] {
  return [
    '| Host | Channel | Wave | Change | Closure | Size | Reboot |',
    '|---|---|---|---|---|---|---|',
    ...hosts.map((host) => {
      const cells = [
        host.host,
        host.channel ?? '-',
        waveLabel(host.wave),
        host.change,
        closureLabel(host.closure, host.host),
        sizeLabel(host),
        bootLabel(host),
      ];
      return `| ${cells.map(text).join(' | ')} |`;
    }),
  ];
}

/** Of hosts that keep their closure, too: a waiver may have run out. */
function controlsSection(hosts: readonly Pick<PlanHost, 'host' | 'controls'>[]): string[] {
  const measured = hosts.flatMap(({ host, controls }) => (controls === null ? [] : [{ host, controls }]));
  if (measured.length === 0) return [];
  const changes = measured.flatMap(({ host, controls }) => controlLines(host, controls));
  const shown = changes.slice(0, changesShownMax);
  const more = changes.length - shown.length;
  const total = { pass: 0, fail: 0, error: 0, waived: 0, changes: [] };
  for (const { controls } of measured) {
    for (const standing of ['pass', 'fail', 'error', 'waived'] as const) total[standing] += controls[standing];
  }
  return [
    '#### Controls',
    '',
    `${controlsLabel(total)} on ${measured.length} hosts${changes.length === 0 ? ', as before.' : ':'}`,
    '',
    ...shown.map((line) => `- ${text(line)}`),
    ...(more > 0 ? [`- and ${more} more`] : []),
    ...(shown.length > 0 ? [''] : []),
  ];
}

/** What changes inside one host, folded away. */
function details({ host, packages, system }: PlanHost): string[] {
  const lines = [
    ...(packages?.changed ?? []).map(({ name, from, to }) => `${name} ${from.join(', ')} → ${to.join(', ')}`),
    ...(packages?.added ?? []).map(({ name, version }) => `+ ${name} ${version}`),
    ...(packages?.removed ?? []).map(({ name, version }) => `- ${name} ${version}`),
    ...(system?.units.added ?? []).map((name) => `+ unit ${name}`),
    ...(system?.units.removed ?? []).map((name) => `- unit ${name}`),
    ...(system?.units.changed ?? []).map((name) => `~ unit ${name}`),
  ];
  if (lines.length === 0) return [];
  const more = lines.length - namesShownMax;
  const shown = lines.slice(0, namesShownMax).map((line) => `- ${text(printable(line.trim()))}`);
  return [
    '',
    `<details><summary>${text(host)}: ${lines.length} changes</summary>`,
    '',
    ...shown,
    ...(more > 0 ? [`- and ${more} more`] : []),
    '',
    '</details>',
  ];
}

/** Text that Markdown and HTML leave as it is (CommonMark 2.4: any ASCII punctuation may be escaped). */
function text(plain: string): string {
  return plain.replace(/[\\`*_{}[\]<>#|!~&@]|^[-+]/g, '\\$&');
}
