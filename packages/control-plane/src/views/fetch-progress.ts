import type { CheckinRequest, Withheld } from '@nixfleet/contracts';

const mebibyte = 2 ** 20;

/** Reasons as they are shown, with how far a fetch is, by the host's own word. */
export function withFetchProgress(
  withheld: readonly Withheld[],
  fetching: CheckinRequest['fetching'],
): readonly Withheld[] {
  if (fetching === undefined) return withheld;
  const [done, total] = [fetching.done, fetching.total].map((bytes) => Math.floor(bytes / mebibyte));
  const reason = `fetching, ${done} of ${total} MiB`;
  return withheld.map((each) =>
    each.code === 'in-progress' && each.reason === 'fetching' ? { ...each, reason } : each,
  );
}
