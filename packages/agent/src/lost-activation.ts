import { type CommandOutput, Sha256Hex } from '@nixfleet/contracts';
import type { ActivationOutcome } from '@nixfleet/engine';

/** SHA-256 of nothing: there is no output to speak of. */
const noOutputSha256 = Sha256Hex.parse('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');

/** A switch of which nobody can say how it ended; what it changed is not known. */
export function lostActivation(excerpt: string): ActivationOutcome {
  const output: CommandOutput = { exitCode: null, durationMs: 0, outputSha256: noOutputSha256, excerpt };
  return { kind: 'failed', cause: 'activation-failed', output };
}
