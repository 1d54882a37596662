import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { SignedEvent } from '@nixfleet/contracts';
import { CliError } from '../cli-error.ts';

/** Most events of one file: years of one host. */
const eventsOfFileMax = 1_000_000;
/** Longest line, in characters: the longest event with every character escaped. */
const lineCharactersMax = 2 * 1024 * 1024;

/** Lines of JSON, each a `SignedEvent` as a control plane stores it; other fields of a line are ignored. */
export async function readJournalFile(path: string): Promise<SignedEvent[]> {
  const events: SignedEvent[] = [];
  const input = createReadStream(path, { encoding: 'utf8' });
  const lines = createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY });
  let number = 0;
  for await (const line of lines) {
    number++;
    if (line.trim() === '') continue;
    const wrong = (what: string): CliError =>
      new CliError('failed', `${path}: line ${number}: ${what}`, 'expected {"event": "…", "signature": "…"}');
    if (line.length > lineCharactersMax) throw wrong(`longer than ${lineCharactersMax} characters`);
    if (events.length >= eventsOfFileMax) {
      throw new CliError('failed', `${path}: more than ${eventsOfFileMax} events`, 'split the file');
    }
    let json: unknown;
    try {
      json = JSON.parse(line);
    } catch {
      throw wrong('not JSON');
    }
    const parsed = SignedEvent.safeParse(json);
    if (!parsed.success) throw wrong(parsed.error.issues[0]?.message ?? 'not a signed event');
    events.push(parsed.data);
  }
  return events;
}
