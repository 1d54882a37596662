import type { CommandOutput, JournalEvent, StorePath } from '@nixfleet/contracts';
import { printable } from '../printable.ts';
import { closureLabel } from './closure-label.ts';

/** What an event says, in one line and without its time and host; text that the host wrote is made printable. */
export function eventText(event: JournalEvent): string {
  const parts: string[] = [event.kind];
  const closure = (path: StorePath | null): string => closureLabel(path, event.host);
  const said = (text: string | undefined): void => {
    if (text !== undefined && text !== '') parts.push(`— ${printable(text)}`);
  };
  const output = (of: CommandOutput | undefined): void => {
    if (of) said(`exit ${of.exitCode ?? of.signal ?? 'unknown'} after ${of.durationMs} ms: ${of.excerpt}`);
  };
  switch (event.kind) {
    case 'journal-started':
      parts.push(`(${event.body.reason}), runs ${closure(event.body.running)}`);
      break;
    case 'started':
      parts.push(`agent ${printable(event.body.agentVersion)}, runs ${closure(event.body.running)}`);
      break;
    case 'checkpoint':
      parts.push(`in phase ${event.body.state.phase.name}, runs ${closure(event.body.state.running)}`);
      break;
    case 'trust-accepted':
      parts.push(`version ${event.body.floor.version}`);
      break;
    case 'release-accepted':
      parts.push(`version ${event.body.release.version}, head ${event.body.head.version}`);
      break;
    case 'document-refused':
      parts.push(`${event.body.document}: ${event.body.reason}`);
      said(event.body.detail);
      break;
    case 'withheld': {
      const { withheld } = event.body;
      parts.push(withheld ? withheld.code : 'nothing any more');
      if (withheld?.until) parts.push(`until ${withheld.until}`);
      said(withheld?.reason);
      break;
    }
    case 'local-hold':
      parts.push(event.body.hold ? `until ${event.body.hold.until}` : 'lifted');
      said(event.body.hold?.reason);
      break;
    case 'fetching':
    case 'converged':
      parts.push(closure(event.body.target.closure));
      break;
    case 'probes-passed':
      parts.push(closure(event.body.target.closure), `(${event.body.probes.join(', ') || 'no probes'})`);
      break;
    case 'confirmed':
      parts.push(closure(event.body.target.closure), `by ${event.body.by}, soaks until ${event.body.soakUntil}`);
      break;
    case 'refused':
      parts.push(closure(event.body.target.closure), `(${event.body.reason})`);
      if (event.body.retryNotBefore) parts.push(`again not before ${event.body.retryNotBefore}`);
      said(event.body.detail);
      break;
    case 'deferred':
      parts.push(closure(event.body.target.closure), `(${printable(event.body.component)} needs a reboot)`);
      break;
    case 'reboots-seen':
      parts.push(`${event.body.reboots}`);
      break;
    case 'rebooting':
      parts.push(`into ${closure(event.body.target.closure)} (${printable(event.body.component)})`);
      parts.push(`deadline ${event.body.deadline}`);
      break;
    case 'trying':
      parts.push(closure(event.body.target.closure), `until ${event.body.deadline}`);
      break;
    case 'activating':
      parts.push(closure(event.body.target.closure), `deadline ${event.body.deadline}`);
      break;
    case 'confirming':
      parts.push(closure(event.body.target.closure), `deadline ${event.body.deadline}`);
      said(event.body.detail);
      output(event.body.output);
      break;
    case 'unconfirmed':
      parts.push(`(${event.body.cause}), again not before ${event.body.retryNotBefore}`);
      said(event.body.detail);
      break;
    case 'failed':
      parts.push(closure(event.body.target.closure), `(${event.body.cause})`);
      if (event.body.check) parts.push(`check ${event.body.check}`);
      said(event.body.detail);
      output(event.body.output);
      break;
    case 'reverting':
      parts.push(`to ${closure(event.body.to)} (${event.body.cause})`);
      break;
    case 'reverted':
      parts.push(`to ${closure(event.body.to)} (${event.body.cause}), by ${event.body.by}`);
      output(event.body.output);
      break;
    case 'revert-failed':
      parts.push(`to ${closure(event.body.to)}, runs ${closure(event.body.running)}`);
      said(event.body.detail);
      output(event.body.output);
      break;
    case 'reboot-pending':
      parts.push(event.body.component === null ? 'no more' : `for ${printable(event.body.component)}`);
      break;
    case 'probe':
      parts.push(`${event.body.check} ${event.body.status} (${event.body.mode})`);
      said(event.body.detail);
      break;
    case 'drift':
      parts.push(`expected ${closure(event.body.expected)}, runs ${closure(event.body.running)}`);
      if (event.body.bootDefault) parts.push(`and boots ${closure(event.body.bootDefault)}`);
      break;
    case 'floor-lost':
      said(event.body.detail);
      break;
    case 'head-expiring':
      parts.push(`at ${event.body.expiresAt}`);
      break;
    case 'compliance-failure':
      parts.push(`${event.body.controlId} ${event.body.status} (${event.body.mode}): ${event.body.ruleIds.join(', ')}`);
      break;
    case 'runtime-gate-error':
      parts.push(`${event.body.reason} (${event.body.mode})`);
      said(event.body.detail);
      break;
    case 'compliance-passed':
      parts.push(`collection ${event.body.sequence}`);
      break;
    case 'compliance-drift':
      parts.push(`${event.body.controlId} (${event.body.mode}): ${event.body.ruleIds.join(', ')}`);
      break;
    default:
      event satisfies never;
  }
  return parts.join(' ');
}
