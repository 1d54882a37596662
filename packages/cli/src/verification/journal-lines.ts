import { createReadStream } from 'node:fs';
import { parseMessage, SignedEvent } from '@nixfleet/contracts';
import { CliError } from '../cli-error.ts';

/** Most events of one file: years of one host. */
const eventsOfFileMax = 1_000_000;
/** Longest line, in bytes: the longest event with every character escaped. */
const lineBytesMax = 2 * 1024 * 1024;
const lineFeed = 0x0a;

/** A file of `readJournalLines`. Throws what reading it throws, too. */
export function readJournalFile(path: string): Promise<SignedEvent[]> {
  return readJournalLines(createReadStream(path), path);
}

/**
 * Lines of JSON, each a `SignedEvent` as a control plane stores it; other fields of a line are ignored, empty lines too.
 * Whoever wrote them is a stranger: no line is taken into memory whole that is longer than one may be. `origin` names
 * them in messages. Throws `CliError` `failed` with the first line that is none.
 */
export async function readJournalLines(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  origin: string,
): Promise<SignedEvent[]> {
  const events: SignedEvent[] = [];
  let number = 0;
  for await (const line of linesOf(chunks)) {
    number++;
    const wrong = (what: string): CliError =>
      new CliError('failed', `${origin}: line ${number}: ${what}`, 'expected {"event": "…", "signature": "…"}');
    if (line === 'too-long') throw wrong(`longer than ${lineBytesMax} bytes`);
    if (line.every(isBlank)) continue;
    if (events.length >= eventsOfFileMax) {
      throw new CliError('failed', `${origin}: more than ${eventsOfFileMax} events`, 'split the file');
    }
    const parsed = parseMessage(SignedEvent, line);
    if (!parsed.ok) throw wrong(parsed.detail);
    events.push(parsed.value);
  }
  return events;
}

function isBlank(byte: number): boolean {
  return byte === 0x20 || byte === 0x09 || byte === 0x0d;
}

/** Ends after `too-long`. */
async function* linesOf(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): AsyncGenerator<Uint8Array | 'too-long'> {
  let parts: Uint8Array[] = [];
  let bytes = 0;
  const take = (part: Uint8Array): void => {
    parts.push(part);
    bytes += part.length;
  };
  for await (const chunk of chunks) {
    let from = 0;
    for (let end = chunk.indexOf(lineFeed); end !== -1; end = chunk.indexOf(lineFeed, from)) {
      take(chunk.subarray(from, end));
      if (bytes > lineBytesMax) return yield 'too-long';
      yield Buffer.concat(parts);
      [parts, bytes, from] = [[], 0, end + 1];
    }
    take(chunk.subarray(from));
    if (bytes > lineBytesMax) return yield 'too-long';
  }
  if (bytes > 0) yield Buffer.concat(parts);
}
