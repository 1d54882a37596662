import {
  canonicalize,
  entriesOf,
  type Instant,
  type Interval,
  isBefore,
  type Json,
  type RolloutManifest,
} from '@nixfleet/contracts';
import { areWindowsShort } from './short-windows.ts';

/**
 * Whether the channel's manifest still says everything that `next` would: hosts, closures, digests, attempts, waves,
 * policy, edges, budgets and windows. Left out is what only says where a manifest comes from (`introducedIn`, `source`,
 * `displayName`, hosts' `builtFrom`: of the same closure it stays true), `notBefore`, which counts from the rollout's own
 * start, and windows beyond the time that both know.
 */
export function isUnchanged(previous: RolloutManifest, next: RolloutManifest, now: Instant): boolean {
  if (!sameWindows(previous, next, now)) return false;
  return canonicalize(comparable(previous)) === canonicalize(comparable(next));
}

function comparable(manifest: RolloutManifest): Json {
  const { introducedIn, source, displayName, windows, resolvedUntil, ...rest } = manifest;
  const waves = rest.waves.map(({ notBefore, ...wave }) => wave);
  const hosts = Object.fromEntries(entriesOf(rest.hosts).map(([name, { builtFrom, ...host }]) => [name, host]));
  return { ...rest, hosts, waves } as unknown as Json;
}

// Windows are resolved from today on, so that two resolutions of one rule differ at both ends.
function sameWindows(previous: RolloutManifest, next: RolloutManifest, now: Instant): boolean {
  if (previous.windows === null || next.windows === null) return previous.windows === next.windows;
  if (previous.resolvedUntil === null || next.resolvedUntil === null) return false;
  if (areWindowsShort(previous, now)) return false;
  const until = isBefore(previous.resolvedUntil, next.resolvedUntil) ? previous.resolvedUntil : next.resolvedUntil;
  const known = (windows: readonly Interval[]) =>
    windows
      .filter(({ from, to }) => isBefore(now, to) && isBefore(from, until))
      .map(({ from, to }) => `${isBefore(from, now) ? now : from} ${isBefore(until, to) ? until : to}`)
      .join('\n');
  return known(previous.windows) === known(next.windows);
}
