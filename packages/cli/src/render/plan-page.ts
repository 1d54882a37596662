import type { PlanHost, PlanView } from '@nixfleet/contracts';
import { printable } from '../printable.ts';
import { closureLabel } from './closure-label.ts';
import { controlLines, controlsLabel } from './control-lines.ts';
import { basisLine, forecastSentence, waitingLines } from './forecast-lines.ts';
import { changeColours, packagesLabel, pinLines } from './release-summary.ts';
import { type PageStyle, shortHashDigits, waveLabel } from './status-page.ts';
import { renderTable } from './table.ts';

/** What a release of this commit would do, host by host, and how it would go. */
export function planPage(view: PlanView, style: PageStyle): string[] {
  const { hosts, forecast, now } = view;
  const isMeasured = hosts.some(({ controls }) => controls !== null);
  const rows = hosts.map((host) => [
    host.host,
    host.channel ?? '-',
    waveLabel(host.wave),
    { text: host.change, colour: changeColours[host.change] },
    closureLabel(host.closure, host.host),
    sizeLabel(host),
    bootLabel(host),
    unitsLabel(host),
    packagesLabel(host),
    ...(isMeasured ? [controlsLabel(host.controls)] : []),
  ]);
  const headings = ['HOST', 'CHANNEL', 'WAVE', 'CHANGE', 'CLOSURE', 'SIZE', 'REBOOT', 'UNITS', 'PACKAGES'];
  if (isMeasured) headings.push('CONTROLS');
  return [
    planTitle(view),
    ...view.warnings.map((warning) => style.paint('yellow', `warning: ${printable(warning)}`)),
    '',
    ...renderTable({ headings, rows }, style),
    ...hosts.flatMap((host) => pinLines(host, style)),
    ...hosts.flatMap(({ host, controls }) => controlLines(host, controls)),
    '',
    ...forecast.rollouts.flatMap((rollout) => [
      forecastSentence(rollout, now),
      ...waitingLines(rollout).map((line) => `  ${line}`),
    ]),
    style.paint('dim', basisLine(view)),
  ];
}

export function planTitle({ isRelease, version, previousVersion, changedChannels, source }: PlanView): string {
  if (!isRelease) return `nothing to release: release ${version} says the same`;
  const after = previousVersion === null ? 'the first' : `after ${previousVersion}`;
  const changed = changedChannels.length === 0 ? 'no channel' : changedChannels.join(', ');
  const commit = printable(source.commit).slice(0, shortHashDigits);
  return `release ${version} (${after}) of commit ${commit} would make new rollouts in ${changed}`;
}

const mebibyte = 1024 * 1024;

/** `812 MiB (+3)`: of the whole closure, and against the one before. */
export function sizeLabel({ closureBytes, previousBytes }: PlanHost): string {
  if (closureBytes === null) return '-';
  const size = `${Math.round(closureBytes / mebibyte)} MiB`;
  if (previousBytes === null || previousBytes === closureBytes) return size;
  const grown = Math.round((closureBytes - previousBytes) / mebibyte);
  return `${size} (${grown < 0 ? '' : '+'}${grown})`;
}

/** What of the new system waits for a boot. */
export function bootLabel({ system, change }: PlanHost): string {
  if (change === 'unchanged' || change === 'removed') return '';
  if (!system) return change === 'new' ? '' : 'not known';
  return system.reboot.length === 0 ? 'no' : system.reboot.join(', ');
}

/** `+1 -0 ~2`: units of systemd. */
export function unitsLabel({ system }: PlanHost): string {
  if (!system) return '';
  const { added, removed, changed } = system.units;
  return `+${added.length} -${removed.length} ~${changed.length}`;
}
