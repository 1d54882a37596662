import { StorePath } from '@nixfleet/contracts';
import { parseDrvName } from './drv-name.ts';

/** A derivation that failed itself, not for one that it needs. */
export interface BuildFailure {
  readonly derivation: StorePath;
  /** One line: `builder failed with exit code 1`. */
  readonly reason: string;
  /** The end of what the builder printed; empty where nobody kept it. */
  readonly log: readonly string[];
}

/** Lines of a builder's output that are shown: enough for a compiler's last error. */
export const failureLinesMax = 8;
const failureLineCharactersMax = 300;

const failurePattern =
  /^error: (builder|Cannot build|hash mismatch in fixed-output derivation).*? '(\/nix\/store\/[^']+\.drv)'(.*)$/;

/**
 * Finds the failures in what Nix printed. One that failed for a dependency names no cause and is left out. Shapes:
 * `error: builder for '<drv>' failed with exit code 1` (2.8 to 2.28, Lix), since 2.9 with `last 10 log lines:` after it;
 * `error: Cannot build '<drv>'.` with `Reason: …` on the next line (2.29 on); and `error: hash mismatch in fixed-output
 * derivation '<drv>':` with the hashes after it. Any other failure is left to the tail of the output.
 */
export function parseBuildFailures(lines: readonly string[]): BuildFailure[] {
  const found = new Map<StorePath, BuildFailure>();
  for (const [at, raw] of lines.entries()) {
    const line = plainLine(raw);
    const match = failurePattern.exec(line);
    const derivation = StorePath.safeParse(match?.[2]);
    if (!match || !derivation.success || found.has(derivation.data)) continue;
    const block = blockAfter(lines, at);
    const reason = reasonOf(match[1] ?? '', match[3] ?? '', block);
    if (/\bdependenc(?:y|ies)\b/.test(reason)) continue;
    found.set(derivation.data, { derivation: derivation.data, reason, log: logOf(match[1] ?? '', block) });
  }
  return [...found.values()];
}

/** Nix indents what belongs to an error; a builder's own output starts anywhere, so an empty line ends it too. */
function blockAfter(lines: readonly string[], at: number): string[] {
  const block: string[] = [];
  for (const raw of lines.slice(at + 1, at + 64)) {
    if (!/^ {5,}\S/.test(raw.replace(colours, ''))) break;
    block.push(plainLine(raw));
  }
  return block;
}

function reasonOf(kind: string, rest: string, block: readonly string[]): string {
  if (kind === 'builder') return `builder ${rest.replace(/[;:.]$/, '').trim()}`;
  if (kind === 'Cannot build') {
    const reason = block.find((line) => line.startsWith('Reason: '))?.slice('Reason: '.length);
    return reason?.replace(/\.$/, '') ?? 'cannot be built';
  }
  return 'hash mismatch in fixed-output derivation';
}

function logOf(kind: string, block: readonly string[]): string[] {
  if (kind.startsWith('hash')) return block.slice(0, failureLinesMax);
  const log = block.filter((line) => line.startsWith('>')).map((line) => line.slice(1).trim());
  return log.slice(-failureLinesMax);
}

// Select Graphic Rendition (ECMA-48 §8.3.117), as compilers and Nix itself colour.
// biome-ignore lint/suspicious/noControlCharactersInRegex: it is what is looked for.
const colours = /\u001b\[[0-9;]*m/g;

function plainLine(text: string): string {
  return text
    .replace(colours, '')
    .replace(/[\p{Cc}\s]+/gu, ' ')
    .trim()
    .slice(0, failureLineCharactersMax);
}

/** The end of a build log as plain lines; empty ones are left out. */
export function tailOfLog(text: string): string[] {
  const lines = text.split('\n').slice(-4 * failureLinesMax);
  return lines
    .map(plainLine)
    .filter((line) => line !== '')
    .slice(-failureLinesMax);
}

/** `libdemo-1.0: builder failed with exit code 1`, then the end of its log, a line each. */
export function failureLines({ derivation, reason, log }: BuildFailure): string[] {
  const { name, version } = parseDrvName(derivation.replace(/^\/nix\/store\/[^-]*-|\.drv$/g, ''));
  return [`${version === '' ? name : `${name}-${version}`}: ${reason}`, ...log];
}
