import { open } from 'node:fs/promises';
import { constants } from 'node:os';
import type { Clock, CommandOutput, OnFailedUnits, StorePath } from '@nixfleet/contracts';
import type { ActivationOutcome } from '@nixfleet/engine';
import { OutputCollector } from '../command-output.ts';
import type { GuardRecord, SwitchStart } from '../guard/guard-record.ts';
import { lostActivation } from '../lost-activation.ts';
import { exitCodeLockBusy, exitCodeUnitsFailed } from '../profile-system.ts';
import { lockAttemptsMax, lockBusyPattern, lockRetryMs, type NixosSystem } from './nixos-system.ts';
import type { Variant } from './specialisation.ts';
import type { ServiceEnd, Systemd } from './systemd.ts';

/** `switch-to-configuration` changed nothing, and says why on its output. */
const exitCodeRefused = 1;
/** The init of the new system cannot take the old one's place. */
const exitCodeNeedsReboot = 100;
/** Between two looks at the unit of the switch, in milliseconds. */
const pollMs = 500;

export interface SwitchDeps {
  readonly systemd: Systemd;
  readonly system: NixosSystem;
  readonly clock: Clock;
}

/** Runs the switch in a unit of its own, which outlives the agent, and waits for its end. */
export async function runSwitch(
  record: GuardRecord,
  order: {
    readonly closure: StorePath;
    /** What is run of it: itself or a specialisation, in place of what ran. */
    readonly variant: Variant;
    /** The specialisation that runs; null: none. */
    readonly before: string | null;
    readonly timeoutSeconds: number;
    readonly onFailedUnits: OnFailedUnits;
    readonly signal: AbortSignal;
  },
  deps: SwitchDeps,
): Promise<ActivationOutcome> {
  const { systemd, system, clock } = deps;
  const { closure: target, variant, before: name, onFailedUnits } = order;
  const specialisation = name === null ? {} : { specialisation: { name, isKept: variant.specialisation === name } };
  await record.begin({ target, failedBefore: await systemd.failedUnits(), onFailedUnits, ...specialisation });
  for (let attempt = 1; ; attempt++) {
    const problem = await systemd.start({
      unit: record.switchUnit,
      description: `NixFleet: switch to ${order.closure}`,
      argv: [`${variant.path}/bin/switch-to-configuration`, 'test'],
      environment: system.environment,
      timeoutSeconds: order.timeoutSeconds,
      properties: [
        `StandardOutput=append:${record.directory}/output.log`,
        'StandardError=inherit',
        // What it ends with is read here, and no failed unit of the machine's.
        `SuccessExitStatus=${[exitCodeRefused, 2, 3, exitCodeUnitsFailed, exitCodeLockBusy, exitCodeNeedsReboot].join(' ')}`,
      ],
    });
    if (problem !== null) return lostActivation(problem);
    const outcome = await untilEnded(record, order.signal, deps);
    const isBusy = outcome.kind === 'refused' && outcome.reason === 'activation-lock-busy';
    if (!isBusy || attempt >= lockAttemptsMax) return keep(record, outcome, systemd);
    await systemd.forget(record.switchUnit);
    await clock.sleep(lockRetryMs, order.signal);
  }
}

/** Waits for a switch that an earlier incarnation of the agent started. */
export async function awaitSwitch(
  record: GuardRecord,
  signal: AbortSignal,
  deps: SwitchDeps,
): Promise<ActivationOutcome> {
  return keep(record, await untilEnded(record, signal, deps), deps.systemd);
}

async function untilEnded(record: GuardRecord, signal: AbortSignal, deps: SwitchDeps): Promise<ActivationOutcome> {
  for (;;) {
    const found = await switchOf(record, deps);
    if (found === 'unknown') return lostActivation('nothing is known of how the switch ended');
    if (found !== 'running') return found;
    await deps.clock.sleep(pollMs, signal);
  }
}

/** The newest switch of a record. What PID 1 said of its end once stays said. */
export async function switchOf(
  record: GuardRecord,
  deps: SwitchDeps,
): Promise<ActivationOutcome | 'running' | 'unknown'> {
  const kept = await record.outcome();
  if (kept !== null) return kept;
  const start = await record.switchStart();
  if (start === null) return 'unknown';
  const end = await deps.systemd.service(record.switchUnit);
  if (end === 'running') return 'running';
  if (end === 'absent') return 'unknown';
  const output = await outputOf(`${record.directory}/output.log`, end);
  const failedNow = end.exitCode === exitCodeUnitsFailed ? await deps.systemd.failedUnits() : [];
  const running = await deps.system.running(async () => [start.target]);
  return outcomeOf(end, { ...start, output, running: running?.system ?? null, failedNow });
}

async function keep(record: GuardRecord, outcome: ActivationOutcome, systemd: Systemd): Promise<ActivationOutcome> {
  // A machine that goes down ends the switch, and PID 1 may forget it at once: after the boot that is no failure of the closure.
  if (outcome.kind !== 'ok' && (await systemd.isGoingDown())) return outcome;
  // A full disk does not make a switch that ended well a failure: PID 1 still knows.
  const isKept = await record.writeOutcome(outcome).then(
    () => true,
    () => false,
  );
  if (isKept) await systemd.forget(record.switchUnit);
  return outcome;
}

export interface SwitchFacts extends SwitchStart {
  readonly output: CommandOutput;
  readonly running: StorePath | null;
  readonly failedNow: readonly string[];
}

/** What an end of `switch-to-configuration` means, with its exit codes as NixOS has them. */
export function outcomeOf(end: ServiceEnd, facts: SwitchFacts): ActivationOutcome {
  const { output, running, target } = facts;
  const ok: ActivationOutcome = { kind: 'ok', running, output, ...detailOf(facts) };
  if (end.result === 'timeout') return { kind: 'failed', cause: 'activation-timeout', output };
  switch (end.exitCode) {
    case 0:
      return ok;
    case exitCodeUnitsFailed:
      return areUnitsWell(facts) ? ok : { kind: 'failed', cause: 'failed-units', output };
    case exitCodeLockBusy:
      return lockBusy;
    case exitCodeNeedsReboot:
      return { kind: 'needs-reboot', component: 'init' };
    case exitCodeRefused:
      return running === target ? { kind: 'failed', cause: 'activation-failed', output } : refusalOf(output);
    default:
      return { kind: 'failed', cause: 'activation-failed', output };
  }
}

function detailOf({ specialisation }: SwitchFacts): { readonly detail?: string } {
  if (specialisation === undefined) return {};
  const { name, isKept } = specialisation;
  return { detail: isKept ? `as its specialisation ${name}` : `it has no specialisation ${name}, which ran before` };
}

const lockBusy: ActivationOutcome = {
  kind: 'refused',
  reason: 'activation-lock-busy',
  detail: 'another activation held the lock',
};

/** Exit 1 is also how faults end after something was changed: only what says that nothing was is a refusal. */
function refusalOf(output: CommandOutput): ActivationOutcome {
  if (lockBusyPattern.test(output.excerpt)) return lockBusy;
  const said = /^.*pre-switch checks?.*$/im.exec(output.excerpt)?.[0];
  if (said === undefined) return { kind: 'failed', cause: 'activation-failed', output };
  return { kind: 'refused', reason: 'pre-switch-check', detail: said.trim() };
}

function areUnitsWell({ failedBefore, failedNow, onFailedUnits }: SwitchFacts): boolean {
  if (onFailedUnits === 'ignore') return true;
  if (onFailedUnits === 'any') return false;
  // A unit may have failed and be gone; then nothing says that it had failed before.
  return failedNow.length > 0 && failedNow.every((unit) => failedBefore.includes(unit));
}

/** What a program left in a file: its hash, and its end for the event. The whole stays where it is. */
export async function outputOf(path: string, end: ServiceEnd): Promise<CommandOutput> {
  const collector = new OutputCollector();
  const file = await open(path, 'r').catch(() => null);
  if (file !== null) for await (const chunk of file.createReadStream()) collector.add(chunk as Buffer);
  return collector.output({ exitCode: end.exitCode, signal: signalName(end.signal), durationMs: end.durationMs });
}

function signalName(number: number | null): string | null {
  if (number === null) return null;
  return Object.entries(constants.signals).find(([, value]) => value === number)?.[0] ?? String(number);
}
