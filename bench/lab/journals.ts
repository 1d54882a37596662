import { createHash, createPrivateKey, sign } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  addSeconds,
  canonicalBytes,
  type EventContent,
  type HostTarget,
  type Instant,
  JournalEvent,
  type Json,
  journalStart,
  SwitchPolicy,
} from '@nixfleet/contracts';
import { privateKeyToPem } from '@nixfleet/contracts/node-crypto';
import { testClosure, testKey, testPolicy } from '@nixfleet/testkit';
import { cacheDirectory } from './program.ts';

/** Deployments in one journal; between two of them, so many heads were accepted. */
const deployments = 20;
const headsBetween = 17;
/** Events of one journal. */
export const journalEvents = deployments * (headsBetween + 7);

/** One host's whole journal as the body of one `POST /v1/agent/events`, and where it ends. */
export interface JournalBody {
  readonly host: string;
  readonly body: Buffer;
  readonly position: { readonly journal: string; readonly seq: number; readonly sha256: string };
}

export interface JournalsOptions {
  readonly fleet: string;
  readonly hosts: readonly string[];
  /** What every host runs in the end. */
  readonly targetOf: (host: string) => HostTarget;
  /** When the first deployment began. */
  readonly since: Instant;
}

/**
 * The journals of all hosts, really signed. Signing half a million events takes a minute, so they are kept in the cache under the
 * hash of the first one, which is made anew each time.
 */
export async function journals(options: JournalsOptions): Promise<JournalBody[]> {
  const [first = ''] = options.hosts;
  const sample = await journalOf(first, options);
  const version = createHash('sha256').update(sample.body).update(`${options.hosts.length}`).digest('hex').slice(0, 16);
  const file = join(cacheDirectory, `journals-${version}`);
  const index = await readFile(`${file}.json`, 'utf8').catch(() => null);
  if (index === null) {
    await removeOlder();
    await write(file, options);
    return journals(options);
  }
  const all = await readFile(`${file}.bin`);
  let at = 0;
  return (JSON.parse(index) as { host: string; length: number; position: JournalBody['position'] }[]).map((entry) => {
    const body = all.subarray(at, at + entry.length);
    at += entry.length;
    return { host: entry.host, body, position: entry.position };
  });
}

async function removeOlder(): Promise<void> {
  await mkdir(cacheDirectory, { recursive: true });
  for (const name of await readdir(cacheDirectory)) {
    if (name.startsWith('journals-')) await rm(join(cacheDirectory, name));
  }
}

async function write(file: string, options: JournalsOptions): Promise<void> {
  console.error(`bench: signing ${options.hosts.length} journals of ${journalEvents} events, once`);
  const index: unknown[] = [];
  await using bodies = await open(`${file}.bin`, 'w');
  for (const name of options.hosts) {
    const { host, body, position } = await journalOf(name, options);
    await bodies.write(body);
    index.push({ host, length: body.length, position });
  }
  await using entries = await open(`${file}.next`, 'w');
  await entries.writeFile(JSON.stringify(index));
  await rename(`${file}.next`, `${file}.json`);
}

async function journalOf(host: string, { fleet, targetOf, since }: JournalsOptions): Promise<JournalBody> {
  const key = await testKey(`host:${host}`);
  const privateKey = createPrivateKey(privateKeyToPem(key.privateKey));
  const journal = key.keyId.slice(0, 32);
  const events: { event: string; signature: string }[] = [];
  let sha256: string = journalStart;
  for (const { at, content, rolloutId } of lifeOf(host, targetOf(host), since)) {
    const seq = events.length + 1;
    const place = { host, journal, seq, prevSha256: sha256, at, bootId: `boot-${Math.ceil(seq / 100)}` };
    const event = { type: 'event', fleet, schemaVersion: 1, ...place, ...(rolloutId && { rolloutId }), ...content };
    if (seq <= headsBetween + 7) JournalEvent.parse(event);
    const bytes = canonicalBytes(event as unknown as Json);
    sha256 = createHash('sha256').update(bytes).digest('hex');
    const signature = sign(null, bytes, privateKey).toString('base64');
    events.push({ event: Buffer.from(bytes).toString('utf8'), signature });
  }
  const body = Buffer.from(JSON.stringify({ journal, events }));
  return { host, body, position: { journal, seq: events.length, sha256 } };
}

interface Moment {
  readonly at: Instant;
  readonly content: EventContent;
  readonly rolloutId?: string;
}

/** First contact, then deployments with an hourly head between them; the last one is of `target`. */
function* lifeOf(host: string, target: HostTarget, since: Instant): Generator<Moment> {
  const policy = SwitchPolicy.parse(testPolicy);
  let at = since;
  let before: HostTarget['closure'] | null = null;
  let heads = 0;
  for (let n = 1; n <= deployments; n++) {
    const isLast = n === deployments;
    const rolloutId = isLast ? target.rolloutId : (hashOf(`rollout ${n}`) as HostTarget['rolloutId']);
    const { closure, closureDigest } = isLast ? target : testClosure(host, 1000 + n);
    const own = {
      ...target,
      introducedIn: isLast ? target.introducedIn : 1,
      rolloutId,
      closure,
      closureDigest,
    } as HostTarget;
    if (n === 1) {
      const body = { reason: 'first-contact', running: null, confirmed: null, agentVersion: '0.1.0' } as const;
      yield { at, content: { kind: 'journal-started', body } };
    } else {
      const wave = { code: 'wave', names: ['host-1', 'host-2'], have: 1, need: 2 } as const;
      yield { at, content: { kind: 'withheld', body: { withheld: wave as never } } };
    }
    for (let i = 0; i < headsBetween; i++) {
      heads++;
      at = addSeconds(at, 3600);
      const release = { version: n, sha256: hashOf(`release ${n}`) };
      const head = { version: heads, sha256: hashOf(`head ${heads}`) };
      yield { at, content: { kind: 'release-accepted', body: { release, head } as never } };
    }
    const deadline = addSeconds(at, 300);
    const soakUntil = addSeconds(at, 60);
    const contents: EventContent[] = [
      { kind: 'fetching', body: { target: own, policy } },
      { kind: 'activating', body: { target: own, revertTo: before, deadline } },
      { kind: 'confirming', body: { target: own, deadline } },
      { kind: 'probes-passed', body: { target: own, probes: ['http', 'service'] as never } },
      { kind: 'confirmed', body: { target: own, soakUntil, by: 'control-plane' } },
      { kind: 'converged', body: { target: own, switched: true } },
    ];
    for (const content of contents) {
      at = addSeconds(at, 5);
      yield { at, content, rolloutId };
    }
    before = own.closure;
  }
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
