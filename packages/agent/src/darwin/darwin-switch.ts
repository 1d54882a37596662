import type { CommandOutput, StorePath } from '@nixfleet/contracts';
import type { ActivationOutcome } from '@nixfleet/engine';
import type { ServiceEnd } from '../nixos/systemd.ts';

/** The checks at the beginning of `activate` ended it; `set -e` may end it later with any code. */
const exitCodeRefused = 2;
/** `timeout` ended it, or had to kill it. */
const exitCodesTimeout: readonly number[] = [124, 137];

/** How the job of a switch ended, as the script wrote it down. Null: that is no such file. */
export function switchEndFrom(lines: ReadonlyMap<string, string>): ServiceEnd | null {
  const [code, seconds] = [lines.get('code') ?? '', lines.get('seconds') ?? ''];
  if (!/^\d{1,3}$/.test(code) || !/^\d{1,6}$/.test(seconds)) return null;
  const exitCode = Number(code);
  const result = exitCodesTimeout.includes(exitCode) ? 'timeout' : exitCode === 0 ? 'success' : 'exit-code';
  return { result, exitCode, signal: null, durationMs: Number(seconds) * 1000 };
}

/** What an end of nix-darwin's `activate` means. */
export function darwinOutcome(
  { result, exitCode }: ServiceEnd,
  {
    target,
    running,
    output,
  }: { readonly target: StorePath; readonly running: StorePath | null; readonly output: CommandOutput },
): ActivationOutcome {
  if (result === 'timeout') return { kind: 'failed', cause: 'activation-timeout', output };
  if (exitCode === 0) return { kind: 'ok', running, output };
  const said = /^.*aborting activation.*$/im.exec(output.excerpt)?.[0];
  if (exitCode === exitCodeRefused && said !== undefined && running !== target) {
    return { kind: 'refused', reason: 'pre-switch-check', detail: said.trim() };
  }
  return { kind: 'failed', cause: 'activation-failed', output };
}
