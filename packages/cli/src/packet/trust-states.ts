import {
  documentBytesMax,
  type TrustState,
  trustPath,
  trustStepsMax,
  type VerifyContext,
  walkTrust,
} from '@nixfleet/contracts';
import { readSigned } from '@nixfleet/release';
import { CliError } from '../cli-error.ts';
import type { ReleasesPlace } from '../verification/releases-place.ts';

/** Every state of trust from a starting point on, the newest last. */
export async function walkTrustStates(
  ctx: VerifyContext,
  place: ReleasesPlace,
  start: TrustState,
): Promise<readonly [TrustState, ...TrustState[]]> {
  const states: [TrustState, ...TrustState[]] = [start];
  for (let steps = 0; steps < trustStepsMax; steps++) {
    const current = states.at(-1) ?? start;
    const path = trustPath(current.document.version + 1);
    const signed = await readSigned(place, path, documentBytesMax.trust);
    if (!signed) break;
    const walked = await walkTrust(ctx, { current, next: [signed] });
    if (!walked.ok) throw new CliError('failed', `${path}: ${walked.reason}: ${walked.detail}`, 'mend the repository');
    states.push(walked.value);
  }
  return states;
}
