import type { TrustSummary } from '@nixfleet/release';

/** What a trust version says, as labels and texts. */
export function trustFacts(trust: TrustSummary): [string, string][] {
  return [
    ['fleet', trust.fleet],
    ['version', `${trust.version}, signed ${trust.signedAt}`],
    ['sha256', trust.sha256],
    ...trust.roles.map(({ role, threshold, signers }): [string, string] => [
      `role ${role}`,
      signers.length === 0 ? 'nobody' : `${threshold} of ${signers.join(', ')}`,
    ]),
    ['emergency', `${trust.emergencyThreshold} approvers`],
    ...trust.channels.map(({ channel, threshold }): [string, string] => [
      `channel ${channel}`,
      `${threshold} release signers`,
    ]),
    ...trust.signers.flatMap(({ name, keys }) =>
      keys.map(({ keyId, algorithm }): [string, string] => [`key of ${name}`, `${algorithm} ${keyId}`]),
    ),
    ...trust.cacheKeys.map((key): [string, string] => ['cache key', key]),
    ...trust.controlPlanes.map(({ spkiSha256, offline }): [string, string] => [
      'control plane',
      `${spkiSha256}${offline ? ' (offline spare)' : ''}`,
    ]),
  ];
}

/** What a trust version changes: a line for each fact that goes (`-`) and each that comes (`+`). */
export function trustDifference(before: TrustSummary, after: TrustSummary): string[] {
  const lines = (summary: TrustSummary) => trustFacts(summary).map(([label, text]) => `${label}: ${text}`);
  const old = new Set(lines(before));
  const now = new Set(lines(after));
  return [
    ...[...old].filter((line) => !now.has(line)).map((line) => `- ${line}`),
    ...[...now].filter((line) => !old.has(line)).map((line) => `+ ${line}`),
  ];
}
