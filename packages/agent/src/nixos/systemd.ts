import type { Clock } from '@nixfleet/contracts';
import { AgentError } from '../errors.ts';
import { nameValueLines } from '../name-value-lines.ts';
import { describe } from '../profile-system.ts';
import { type CommandResult, runCommand } from '../run-command.ts';

/** Longest answer of PID 1 that is waited for, in milliseconds: it may be re-executing itself. */
const answerMsMax = 90_000;
const stdoutBytesMax = 16 * 1024 * 1024;
/** Added to a unit's own limit before its caller gives up, in milliseconds. */
const slackMs = 30_000;

export interface TransientUnit {
  readonly unit: string;
  readonly description: string;
  readonly argv: readonly [string, ...string[]];
  readonly environment: Readonly<Record<string, string>>;
  readonly timeoutSeconds: number;
  /** Further properties, as `systemd-run --property` takes them. */
  readonly properties?: readonly string[];
}

/** How a service ended, as PID 1 saw it. */
export interface ServiceEnd {
  /** `success`, `exit-code`, `signal`, `timeout`, … (systemd.service(5), SERVICE_RESULT). */
  readonly result: string;
  /** Null: killed by a signal. */
  readonly exitCode: number | null;
  readonly signal: number | null;
  readonly durationMs: number;
}

/** The few things that the backend asks of PID 1, by systemd's own programs: they speak to it without a message bus. */
export class Systemd {
  readonly #path: string;
  readonly #clock: Clock;

  constructor(options: { readonly path: string; readonly clock: Clock }) {
    this.#path = options.path;
    this.#clock = options.clock;
  }

  /**
   * Starts a service outside the caller's cgroup. Null when it runs, or what is wrong. How it ended is kept by PID 1 until
   * `forget`, so that whoever starts later can still ask.
   */
  async start(unit: TransientUnit): Promise<string | null> {
    const kept = ['--property=Type=exec', '--property=RemainAfterExit=yes'];
    const result = await this.#run(['systemd-run', ...kept, ...argumentsOf(unit)], answerMsMax);
    return result.exitCode === 0 ? null : `systemd-run: ${describe(result.output)}`;
  }

  /** Runs a service outside the caller's cgroup and waits for its end; it is ended when `signal` aborts. */
  async run(unit: TransientUnit, signal?: AbortSignal): Promise<CommandResult> {
    const piped = ['--wait', '--pipe', '--collect', '--service-type=exec'];
    const result = await this.#run(
      ['systemd-run', ...piped, ...argumentsOf(unit)],
      unit.timeoutSeconds * 1000 + slackMs,
      signal,
    );
    // The unit does not end with the program that waits for it.
    if (result.ended !== 'exit') await this.stop(unit.unit);
    return result;
  }

  /** `absent`: PID 1 knows of no such service, or has not started it. */
  async service(unit: string): Promise<'absent' | 'running' | ServiceEnd> {
    const found = await this.#show(unit, [
      'LoadState',
      'ActiveState',
      'SubState',
      'Result',
      'ExecMainCode',
      'ExecMainStatus',
      'ExecMainStartTimestampMonotonic',
      'ExecMainExitTimestampMonotonic',
    ]);
    return serviceFrom(found);
  }

  async isActive(unit: string): Promise<boolean> {
    return (await this.#show(unit, ['ActiveState'])).get('ActiveState') === 'active';
  }

  /** Of each unit, whether it is active. */
  async inactiveOf(units: readonly string[]): Promise<readonly string[]> {
    const states = await Promise.all(units.map((unit) => this.isActive(unit)));
    return units.filter((_, i) => states[i] !== true);
  }

  /** System units that have failed, or are about to be started again after a failure; transient ones of ours aside. */
  async failedUnits(): Promise<readonly string[]> {
    const result = await this.#run(
      [
        'systemctl',
        'list-units',
        '--all',
        '--plain',
        '--full',
        '--no-legend',
        '--no-pager',
        '--state=failed,auto-restart',
      ],
      answerMsMax,
    );
    if (result.exitCode !== 0) throw new AgentError('io', `systemctl list-units: ${describe(result.output)}`);
    const names = result.stdout.split('\n').map((line) => line.trim().split(/\s+/)[0] ?? '');
    return names.filter((name) => name !== '' && !/^nixfleet-(?:switch|revert|dead-man|run|probe)-/.test(name)).sort();
  }

  /** Stops a unit, whatever state it is in. */
  async stop(unit: string): Promise<void> {
    await this.#run(['systemctl', 'stop', unit], answerMsMax);
  }

  /** PID 1 may forget how the service ended. */
  async forget(unit: string): Promise<void> {
    await this.#run(['systemctl', 'stop', '--no-block', unit], answerMsMax);
    await this.#run(['systemctl', 'reset-failed', unit], answerMsMax);
  }

  /** Null when the machine goes down, or what is wrong. Inhibitors are the caller's business. */
  async reboot(): Promise<string | null> {
    const result = await this.#run(['systemctl', '--no-block', 'reboot'], answerMsMax);
    if (result.exitCode === 0 || (await this.isGoingDown())) return null;
    return `systemctl reboot: ${describe(result.output)}`;
  }

  /** The machine that goes down ends our own programs too, the one that told it to among them. */
  async isGoingDown(): Promise<boolean> {
    return (await this.#systemState()) === 'stopping';
  }

  /** It boots, and has not started all that starts with it. */
  async isComingUp(): Promise<boolean> {
    const state = await this.#systemState();
    return state === 'initializing' || state === 'starting';
  }

  async #systemState(): Promise<string> {
    return (await this.#run(['systemctl', 'is-system-running'], answerMsMax)).stdout.trim();
  }

  /** One of the programs around PID 1, such as `loginctl`; it changes nothing. */
  query(argv: readonly [string, ...string[]]): Promise<CommandResult> {
    return this.#run(argv, answerMsMax);
  }

  async #show(unit: string, properties: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const result = await this.#run(['systemctl', 'show', `--property=${properties.join(',')}`, unit], answerMsMax);
    if (result.exitCode !== 0) throw new AgentError('io', `systemctl show ${unit}: ${describe(result.output)}`);
    return nameValueLines(result.stdout);
  }

  #run(argv: readonly [string, ...string[]], timeoutMs: number, signal?: AbortSignal): Promise<CommandResult> {
    return runCommand({
      argv,
      environment: { PATH: this.#path, LC_ALL: 'C', SYSTEMD_PAGER: '', SYSTEMD_COLORS: '0' },
      timeoutMs,
      stdoutBytesMax,
      directory: '/',
      clock: this.#clock,
      ...(signal ? { signal } : {}),
    });
  }
}

function argumentsOf({
  unit,
  description,
  argv,
  environment,
  timeoutSeconds,
  properties = [],
}: TransientUnit): string[] {
  return [
    '--quiet',
    '--no-ask-password',
    `--unit=${unit}`,
    `--description=${description}`,
    `--property=RuntimeMaxSec=${timeoutSeconds}`,
    '--property=TimeoutStopSec=10',
    ...properties.map((property) => `--property=${property}`),
    ...Object.entries(environment).map(([name, value]) => `--setenv=${name}=${value}`),
    '--',
    ...argv,
  ];
}

/** CLD_EXITED, CLD_KILLED and CLD_DUMPED of waitid(2), as `ExecMainCode` has them. */
const exitedCode = 1;
const killedCodes: readonly number[] = [2, 3];

export function serviceFrom(found: ReadonlyMap<string, string>): 'absent' | 'running' | ServiceEnd {
  const number = (name: string): number => Number(found.get(name) ?? '0') || 0;
  const code = number('ExecMainCode');
  const state = found.get('ActiveState');
  const hasEnded = state === 'failed' || (state === 'active' && found.get('SubState') === 'exited');
  if (found.get('LoadState') === 'not-found' || state === 'inactive') return 'absent';
  if (!hasEnded) return 'running';
  const status = number('ExecMainStatus');
  const micros = number('ExecMainExitTimestampMonotonic') - number('ExecMainStartTimestampMonotonic');
  return {
    result: found.get('Result') ?? 'unknown',
    exitCode: code === exitedCode ? status : null,
    signal: killedCodes.includes(code) ? status : null,
    durationMs: Math.max(0, Math.round(micros / 1000)),
  };
}
