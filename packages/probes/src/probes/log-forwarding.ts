import { probe, type Violation } from '../probe.ts';
import { systemdConfig, unitProperties } from '../systemd.ts';

/** Where systemd-journal-upload keeps how far it has sent. */
const uploadState = '/var/lib/systemd/journal-upload/state';

export const logForwarding = probe({
  name: 'log-forwarding',
  summary: 'that logs leave this machine over TLS, to the declared place, now',
  arguments: {
    unit: { kind: 'text', what: 'the unit that sends', default: 'systemd-journal-upload.service' },
    url: { kind: 'text', what: 'where to, of systemd-journal-upload', default: null },
    state: { kind: 'text', what: 'file it writes whenever something was sent', default: uploadState },
    maxAgeSeconds: { kind: 'number', what: 'oldest that this file may be', default: 900 },
  },
  facts: {
    activeState: 'state of the unit',
    url: 'where systemd-journal-upload sends; null: not said',
    sentSecondsAgo: 'age of the state file in seconds; null: nothing was sent yet',
  },
  violations: ['not-active', 'plain', 'other-url', 'queued', 'unverified'],
  root: 'the state file',
  async measure(machine, { unit, url, state, maxAgeSeconds }) {
    const active = (await unitProperties(machine, unit, ['ActiveState'])).get('ActiveState') ?? 'unknown';
    const violations: Violation[] = [];
    if (active !== 'active')
      violations.push({ what: 'not-active', subject: unit, observed: active, expected: 'active' });
    const config = systemdConfig(machine, 'journal-upload.conf');
    const configured = config.get('URL') ?? null;
    if (unit.startsWith('systemd-journal-upload')) {
      if (configured === null || !configured.startsWith('https:'))
        violations.push({ what: 'plain', subject: 'URL', observed: configured, expected: 'https' });
      if (url !== null && configured !== url)
        violations.push({ what: 'other-url', subject: 'URL', observed: configured, expected: url });
      if (config.get('TrustedCertificateFile') === 'all')
        violations.push({ what: 'unverified', subject: 'TrustedCertificateFile', observed: 'all' });
    }
    const sent = machine.status(state)?.modifiedMs ?? null;
    const ago = sent === null ? null : Math.max(0, Math.floor((machine.nowMs - sent) / 1000));
    if (ago === null || ago > maxAgeSeconds)
      violations.push({ what: 'queued', subject: state, observed: ago, expected: maxAgeSeconds });
    return { facts: { activeState: active, url: configured, sentSecondsAgo: ago }, violations };
  },
});
