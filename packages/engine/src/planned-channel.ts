import type {
  ChannelName,
  HostName,
  Instant,
  ReleaseChannel,
  RolloutId,
  RolloutManifest,
  Withheld,
} from '@nixfleet/contracts';
import { type ChannelBrakes, channelBrakes } from './brake.ts';
import type { PlannerRelease, PlannerViews } from './planner-types.ts';
import { isProgressing, type Survey, surveyRollout, type WaveGates } from './survey.ts';
import { waveGates } from './wave-gate.ts';

export interface PlannedRollout {
  readonly survey: Survey;
  readonly gates: WaveGates;
}

/** One channel's rollouts, and which of them has its turn. */
export interface PlannedChannel {
  readonly name: ChannelName;
  readonly brakes: ChannelBrakes;
  /** Oldest first; without manifests that are not here. */
  readonly rollouts: readonly PlannedRollout[];
  /** The one the release names as current; null while its manifest is not here, and then nothing has a turn. */
  readonly current: PlannedRollout | null;
  readonly turn: PlannedRollout | null;
  /** Every brake that stands on it now. */
  readonly standing: readonly Withheld[];
}

export function planChannel({
  name,
  channel,
  release,
  views,
  trials,
  isEmergency,
  now,
}: {
  readonly name: ChannelName;
  readonly channel: ReleaseChannel;
  readonly release: PlannerRelease;
  readonly views: PlannerViews;
  readonly trials: ReadonlyMap<HostName, unknown>;
  readonly isEmergency: boolean;
  readonly now: Instant;
}): PlannedChannel {
  const rollouts = oldestFirst(channel, release).map(({ rolloutId, manifest }, index, all): PlannedRollout => {
    const newer = all.slice(index + 1).map((other) => other.rolloutId);
    const survey = surveyRollout({ rolloutId, manifest, newer, trials }, { fleet: release.fleet, views, now });
    const heldForUnheard = views.rebuild !== null && manifest.introducedIn <= views.rebuild.releaseVersion;
    return { survey, gates: waveGates(survey, { heldForUnheard, now }) };
  });
  const current = rollouts.find(({ survey }) => survey.rolloutId === channel.rolloutId) ?? null;
  const turn = current && (isEmergency ? current : (finishing(rollouts, current, now) ?? current));
  const brakes: ChannelBrakes = {
    holds: release.holds,
    freezes: channel.freezes,
    windows: turn?.survey.manifest.windows ?? null,
    resolvedUntil: turn?.survey.manifest.resolvedUntil ?? null,
    headExpiresAt: release.headExpiresAt,
    isEmergency,
  };
  return { name, brakes, rollouts, current, turn, standing: channelBrakes(name, brakes, now) };
}

function oldestFirst({ rolloutId, mayFinish }: ReleaseChannel, { manifests }: PlannerRelease) {
  const found: { readonly rolloutId: RolloutId; readonly manifest: RolloutManifest }[] = [];
  for (const id of mayFinish) {
    const manifest = manifests.get(id);
    if (manifest && id !== rolloutId) found.push({ rolloutId: id, manifest });
  }
  found.sort(
    (left, right) =>
      left.manifest.introducedIn - right.manifest.introducedIn || (left.rolloutId < right.rolloutId ? -1 : 1),
  );
  const current = manifests.get(rolloutId);
  return current ? [...found, { rolloutId, manifest: current }] : found;
}

/**
 * The earlier rollout that still runs to its end: the newest that was started, unless the current one has started by
 * now. Others wait for nothing any more, so that of several releases only the newest waits, and a turn never goes back.
 */
function finishing(rollouts: readonly PlannedRollout[], current: PlannedRollout, now: Instant): PlannedRollout | null {
  if (current.survey.started > 0) return null;
  const started = rollouts.findLast((rollout) => rollout !== current && rollout.survey.started > 0);
  return started && isProgressing(started.survey, { gates: started.gates, now }) ? started : null;
}
