import { unwaivableControls, type WeakerMode } from '@nixfleet/contracts';
import { type ApplicableWaiver, isInScope, type WaiverQuestion } from './waiver-scope.ts';

/**
 * Why a weaker mode may not stand on its waiver, or null: it has to be one that an approver signed, be about that control where
 * it is one control's mode, have begun and not run out, and have the host in its scope. A waiver is of one rule; of a framework,
 * or of everything, it can say no more than that somebody accepted the risk for these hosts and that time.
 */
export function weakerModeProblem(
  { waiver: id, control }: WeakerMode,
  waivers: readonly ApplicableWaiver[],
  question: Pick<WaiverQuestion, 'host' | 'channel' | 'tags' | 'at'>,
): string | null {
  const { host, at } = question;
  if (control !== null && unwaivableControls.has(control)) return `${control} cannot be waived`;
  const waiver = waivers.find((one) => one.id === id);
  if (!waiver) return `${id} is not in the repository, or does not count`;
  if (control !== null && waiver.controlId !== control) return `${id} is about ${waiver.controlId}`;
  if (at < waiver.createdAt) return `${id} begins at ${waiver.createdAt}`;
  if (at >= waiver.expiresAt) return `${id} ran out at ${waiver.expiresAt}`;
  return isInScope(waiver, question) ? null : `${id} does not cover ${host}`;
}
