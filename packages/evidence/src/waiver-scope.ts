import {
  type ChannelName,
  type HostName,
  type Instant,
  type TagName,
  unwaivableControls,
  type WaiverDocument,
} from '@nixfleet/contracts';

/** What deciding needs of a verified waiver. */
export type ApplicableWaiver = Pick<
  WaiverDocument,
  'id' | 'controlId' | 'ruleId' | 'scope' | 'createdAt' | 'expiresAt'
>;

/** A failure of one rule on one host at one time. */
export interface WaiverQuestion {
  readonly controlId: string;
  readonly ruleId: string;
  readonly host: HostName;
  readonly channel: ChannelName;
  readonly tags: readonly TagName[];
  readonly at: Instant;
}

/** The first waiver that covers a failure; null if none does. From `createdAt` on, up to and without `expiresAt`. */
export function waiverFor<Waiver extends ApplicableWaiver>(
  waivers: readonly Waiver[],
  question: WaiverQuestion,
): Waiver | null {
  if (unwaivableControls.has(question.controlId)) return null;
  return waivers.find((waiver) => covers(waiver, question)) ?? null;
}

export function covers(waiver: ApplicableWaiver, question: WaiverQuestion): boolean {
  const { controlId, ruleId, at } = question;
  if (waiver.controlId !== controlId || waiver.ruleId !== ruleId) return false;
  return waiver.createdAt <= at && at < waiver.expiresAt && isInScope(waiver, question);
}

/** Whether a waiver's scope has a host, whatever its rule and time. */
export function isInScope(
  { scope }: Pick<WaiverDocument, 'scope'>,
  { host, channel, tags }: Pick<WaiverQuestion, 'host' | 'channel' | 'tags'>,
): boolean {
  if ('hosts' in scope) return scope.hosts.includes(host);
  if ('tags' in scope) return scope.tags.some((tag) => tags.includes(tag));
  return scope.channel === channel;
}
