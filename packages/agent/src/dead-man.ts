import { open } from 'node:fs/promises';
import type { Clock, CommandOutput, StorePath } from '@nixfleet/contracts';
import type { ActivationOutcome } from '@nixfleet/engine';
import { currentBootId, identityOf, killGroup } from './process-identity.ts';
import { exitCodeLockBusy, exitCodeUnitsFailed, type ProfileSystem, type SwitchResult } from './profile-system.ts';
import type { SwitchRecord } from './switch-record.ts';

/** How often the dead man's switch looks whether it was disarmed, in milliseconds. */
const watchMs = 250;
/** Longest a revert's switch may take, in milliseconds. */
export const revertTimeoutMs = 5 * 60_000;
/** Attempts at one revert, and the wait before the second, which doubles with each. */
export const revertAttemptsMax = 6;
const revertRetryMs = 1000;
/** Bytes of output that are kept on the host, for one switch. */
const outputBytesMax = 4 * 1024 * 1024;

export interface DetachedDeps {
  readonly record: SwitchRecord;
  readonly system: ProfileSystem;
  readonly clock: Clock;
}

/**
 * The dead man's switch: waits for its deadline and then takes the machine back to the last confirmed closure, unless
 * the agent renamed the armed record first. Needs nobody: no agent, no control plane, no network.
 */
export async function guard(deps: DetachedDeps): Promise<void> {
  const { record, clock } = deps;
  const armed = await record.armed();
  const self = identityOf(process.pid);
  if (armed === null || self === null || armed.bootId !== currentBootId()) return;
  await record.writeGuard(self);
  for (let left = armed.deadlineMs - clock.monotonicMs(); left > 0; left = armed.deadlineMs - clock.monotonicMs()) {
    await clock.sleep(Math.min(left, watchMs));
    // Not knowing is no reason to stop watching: only a rename that is seen is.
    if (!(await record.isArmed().catch(() => true))) return;
  }
  // A disk on which nothing can be renamed does not confirm anything either: going back is right all the same.
  const isOurs = await record
    .settle('fired')
    .catch(async () => (await record.isArmed().catch(() => true)) || isFired(record));
  if (!isOurs) return;
  const { running, output } = await goBack(deps, armed.to);
  await record.writeDeadManResult({ ok: running === armed.to, running, ...(output ? { output } : {}) }).catch(() => {});
}

/** The rename took place, and only its fsync failed. */
async function isFired(record: SwitchRecord): Promise<boolean> {
  return (await record.fired().catch(() => null)) !== null;
}

/** Ends a switch that is under way, goes back to `to`, sets the profile; a bounded number of times. */
export async function goBack(
  { record, system, clock }: DetachedDeps,
  to: StorePath,
): Promise<{ readonly running: StorePath | null; readonly output?: CommandOutput }> {
  let last: SwitchResult | null = null;
  for (let attempt = 0; attempt < revertAttemptsMax; attempt++) {
    if (attempt > 0) await clock.sleep(revertRetryMs * 2 ** (attempt - 1));
    await endActivation(record);
    last = await system.switchTo(to, { timeoutMs: revertTimeoutMs });
    // What counts is what runs: a switch back may end with a unit that was failing before, too.
    if (last.running !== to) continue;
    // The boot default moves only with a confirmation, so this is needed only if that was interrupted.
    await system.setDefault(to);
    break;
  }
  return { running: last?.running ?? (await system.running()), ...(last ? { output: last.result.output } : {}) };
}

/** Kills the process that runs the switch, and all it started in its group. */
export async function endActivation(record: SwitchRecord): Promise<void> {
  const activation = await record.activation().catch(() => null);
  if (activation === null) return;
  try {
    killGroup(activation.runner);
  } catch {
    // Not ours to end: what counts is what runs after going back.
  }
}

/** Runs the switch, as a process of its own that outlives the agent, and leaves its outcome. */
export async function runActivation(
  { record, system }: DetachedDeps,
  { closure, timeoutMs }: { readonly closure: StorePath; readonly timeoutMs: number },
): Promise<void> {
  const self = identityOf(process.pid);
  if (self === null) return;
  await record.writeActivation({ closure, runner: self });
  // Fired or taken meanwhile: whoever did so looked for us before we wrote down who we are.
  if (await record.isReverting()) return;
  const log = await open(`${record.directory}/output.log`, 'w', 0o600);
  let logged = 0;
  const { result, running } = await system.switchTo(closure, {
    timeoutMs,
    // In our group, by which whoever reverts ends it, even if this process was killed.
    group: 'inherit',
    onOutput: (chunk) => {
      if (logged >= outputBytesMax) return;
      logged += chunk.length;
      log.write(chunk).catch(() => {});
    },
  });
  await record.writeOutcome(outcomeOf(result.ended, { running, output: result.output }));
  await log.close();
  if (result.ended === 'timeout') killGroup(self);
}

function outcomeOf(
  ended: SwitchResult['result']['ended'],
  { running, output }: { readonly running: StorePath | null; readonly output: CommandOutput },
): ActivationOutcome {
  if (ended === 'timeout') return { kind: 'failed', cause: 'activation-timeout', output };
  switch (output.exitCode) {
    case 0:
      return { kind: 'ok', running, output };
    case exitCodeLockBusy:
      return { kind: 'refused', reason: 'activation-lock-busy', detail: 'another activation held the lock' };
    case exitCodeUnitsFailed:
      return { kind: 'failed', cause: 'failed-units', output };
    default:
      return { kind: 'failed', cause: 'activation-failed', output };
  }
}
