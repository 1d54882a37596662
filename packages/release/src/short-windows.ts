import { addSeconds, type Instant, isBefore, type RolloutManifest } from '@nixfleet/contracts';

/** A manifest whose windows were resolved for less than this from now is renewed, in seconds: 60 days of the 400. */
const resolvedSecondsMin = 60 * 24 * 3600;

/** Whether the intervals of a manifest run out soon: after the last one that was resolved its channel holds. */
export function areWindowsShort({ resolvedUntil }: Pick<RolloutManifest, 'resolvedUntil'>, now: Instant): boolean {
  return resolvedUntil !== null && isBefore(resolvedUntil, addSeconds(now, resolvedSecondsMin));
}

/** Lines for people, one a channel: only a release resolves windows anew, and nobody may have had a reason to make one. */
export function shortWindowWarnings(
  manifests: ReadonlyMap<string, { readonly document: RolloutManifest }>,
  now: Instant,
): string[] {
  return [...manifests]
    .filter(([, { document }]) => areWindowsShort(document, now))
    .map(
      ([channel, { document }]) =>
        `channel ${channel}: its windows are known until ${document.resolvedUntil}, and it holds from then on: release again`,
    );
}
