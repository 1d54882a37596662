import { showTrust, type TrustSummary } from '@nixfleet/release';
import type { CommandContext } from '../command-context.ts';
import type { ExitCode } from '../command-definition.ts';
import type { CommandValues } from '../command-values.ts';
import { showRefusal } from '../refusal-line.ts';
import { renderFacts } from '../render/facts.ts';
import { verifyTrustChain } from '../verification/chain.ts';
import { openChain } from '../verification/open-chain.ts';

export async function run(context: CommandContext, values: CommandValues): Promise<ExitCode> {
  const { terminal } = context;
  const { chain, start } = await openChain(context, values);
  const trust = await verifyTrustChain(chain, start);
  if (!trust.ok) return showRefusal(terminal, trust);
  const summary = showTrust(trust.value);
  if (values.flag('json')) terminal.result(JSON.stringify(summary, null, 2));
  else for (const line of renderFacts(trustFacts(summary), terminal.paint)) terminal.result(line);
  return 0;
}

function trustFacts(trust: TrustSummary): [string, string][] {
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
