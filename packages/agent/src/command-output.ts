import { createHash, type Hash } from 'node:crypto';
import type { CommandOutput, Sha256Hex } from '@nixfleet/contracts';

/** Most characters of output that leave the host. */
export const excerptMax = 2048;
/** Bytes of the end of an output that are kept for the excerpt. */
const tailBytes = 16 * 1024;

/** What looks like a secret, and what stands in its place. An excerpt is shown to operators and stored centrally. */
const secrets: readonly (readonly [RegExp, string])[] = [
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g, '[private key]'],
  // The rest of one whose beginning is not among what was kept.
  [/^[\s\S]*-----END [A-Z ]*PRIVATE KEY-----/g, '[private key]'],
  [/\b([a-z][a-z0-9+.-]*:\/\/)[^\s/:@]+:[^\s/@]+@/gi, '$1[credentials]@'],
  [/\b(authorization\s*[:=]\s*(?:bearer|basic)?\s*)\S+/gi, '$1[redacted]'],
  [
    /\b([\w.-]*(?:password|passwd|passphrase|secret|token|api[_-]?key|access[_-]?key|credential)[\w.-]*\s*[:=]\s*)("[^"]*"|'[^']*'|\S+)/gi,
    '$1[redacted]',
  ],
  [/\b(?:gh[pousr]_[A-Za-z0-9]{20,}|glpat-[\w-]{16,}|AKIA[0-9A-Z]{16}|eyJ[\w-]{10,}\.[\w-]+\.[\w-]+)/g, '[token]'],
];

/** The end of a text, bounded, well-formed, without control characters, with what looks like a secret taken out. */
export function excerptOf(text: string): string {
  let redacted = text.toWellFormed();
  for (const [pattern, replacement] of secrets) redacted = redacted.replaceAll(pattern, replacement);
  // Terminal escapes of a command must not reach an operator's terminal.
  redacted = redacted.replaceAll(/\p{Cc}\[[0-9;]*[A-Za-z]/gu, '').replaceAll(/[^\P{Cc}\n\t]/gu, '');
  return redacted.slice(-excerptMax).toWellFormed();
}

/** Collects what a command prints: the hash of all of it, its end for the excerpt. */
export class OutputCollector {
  readonly #hash: Hash = createHash('sha256');
  #tail: Buffer = Buffer.alloc(0);

  add(chunk: Uint8Array): void {
    this.#hash.update(chunk);
    this.#tail = Buffer.concat([this.#tail, chunk]).subarray(-tailBytes);
  }

  /** Call once. */
  output(ended: {
    readonly exitCode: number | null;
    readonly signal?: string | null;
    readonly durationMs: number;
  }): CommandOutput {
    return {
      exitCode: ended.exitCode,
      ...(ended.signal ? { signal: ended.signal } : {}),
      durationMs: Math.max(0, Math.round(ended.durationMs)),
      outputSha256: this.#hash.digest('hex') as Sha256Hex,
      excerpt: excerptOf(this.#tail.toString('utf8')),
    };
  }
}
