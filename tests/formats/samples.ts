import { canonicalBytes, type Json } from '@nixfleet/contracts';
import { createTestFleet, hostileForms } from '@nixfleet/testkit';
import { agentFileSamples } from './agent-file-samples.ts';
import { complianceDocuments } from './compliance-samples.ts';
import { documentFormats } from './documents.ts';
import { utf8 } from './format.ts';
import { formats } from './formats.ts';
import { messageSamples } from './message-samples.ts';
import { textSamples } from './text-samples.ts';

export interface Samples {
  /** File name to bytes. */
  readonly valid: Readonly<Record<string, Uint8Array>>;
  /** Reason to file name to bytes. */
  readonly invalid: Readonly<Record<string, Readonly<Record<string, Uint8Array>>>>;
}

type Invalid = Record<string, Record<string, Uint8Array>>;

const canonical = (value: unknown): Uint8Array => canonicalBytes(value as Json);
const fileName = (name: string): string => name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-');

/** One of each document, from a fleet that uses what there is to use. */
async function documents(): Promise<Record<string, Record<string, object>>> {
  const fleet = await createTestFleet();
  const { now } = fleet;
  const soon = '2026-06-01T12:00:00Z';
  await fleet.publish();
  await fleet.nextTrust((draft) => {
    Object.assign(draft.roles.release, { channels: { data: { threshold: 2 } } });
  });
  await fleet.publish(
    (next) => {
      next.edges.push({ gated: 'web-2', gates: 'web-1', reason: 'one behind the other' });
      next.budgets.push({ name: 'web', hosts: ['web-1', 'web-2'], maxInFlight: 1 });
      next.channels.stable?.freezes.push({ from: now, to: soon, reason: 'audit' });
      Object.assign(next.channels.data ?? {}, {
        windows: [{ from: now, to: soon }],
        resolvedUntil: '2027-07-01T00:00:00Z',
      });
      next.emergency = { reason: 'a hole in the kernel', expiresAt: soon };
      Object.assign(next.hosts.db ?? {}, { pin: { commit: '1'.repeat(40), reason: 'its module is broken' } });
    },
    { signedBy: ['ci', 'ci-spare'], approvedBy: ['alice', 'bob'] },
  );
  const held = await fleet.hold('stable');
  const { document: release, manifests } = fleet.current;
  const journal = await fleet.journal('canary');
  await fleet.receipt('canary');
  const refusal = { reason: 'disk-full', retryNotBefore: soon, detail: 'no space left on device' };
  const parse = (bytes: Uint8Array | undefined): object => JSON.parse(new TextDecoder().decode(bytes)) as object;
  const converged = parse(utf8(journal.events[0]?.event ?? '')) as { readonly body: { readonly target: object } };
  await fleet.resume(held.sha256);
  const resume = [...fleet.files].find(([path]) => /^resumes\/[0-9a-f]+\.json$/.test(path))?.[1];
  return {
    trust: { first: parse(fleet.trustChain[0]?.bytes), 'two-signers': fleet.trustDocument },
    head: { plain: fleet.headDocument },
    release: { emergency: release },
    fleet: { whole: parse(fleet.current.fleet) },
    rollout: Object.fromEntries([...manifests].map(([name, { document }]) => [name, document])),
    hold: { plain: parse(held.signed.bytes) },
    resume: { plain: parse(resume) },
    ...complianceDocuments,
    event: {
      converged,
      refused: { ...converged, kind: 'refused', body: { ...refusal, target: converged.body.target } },
    },
  };
}

function documentSamples(named: Readonly<Record<string, object>>): Samples {
  const [first] = Object.values(named);
  if (!first) throw new Error('no document');
  const valid: Record<string, Uint8Array> = {};
  for (const [name, document] of Object.entries(named)) valid[`${name}.json`] = canonical(document);
  valid['unknown-optional-field.json'] = canonical({ ...first, zzFutureField: { '': [0, 'ü'] } });
  const invalid: Invalid = {};
  const add = (reason: string, name: string, bytes: Uint8Array): void => {
    invalid[reason] = { ...invalid[reason], [`${fileName(name)}.json`]: bytes };
  };
  for (const { name, bytes, reason } of hostileForms(first as Parameters<typeof hostileForms>[0])) {
    // Its bound is what the fuzzer tries: a corpus of megabytes would say no more.
    if (reason !== 'oversized') add(reason, name, bytes);
  }
  add('wrong-type', 'behind-a-prototype', utf8(`{"__proto__":${new TextDecoder().decode(canonical(first))}}`));
  add('malformed', 'byte-order-mark', new Uint8Array([0xef, 0xbb, 0xbf, ...canonical(first)]));
  add('malformed', 'empty', new Uint8Array());
  return { valid, invalid };
}

function canonicalJsonSamples(): Samples {
  return {
    valid: {
      'keys-by-utf-16-unit.json': canonical({ '\u{1f600}': 1, '\ufb33': 2, '1': 3, '\r': 4, ö: 5 }),
      'prototype-as-a-name.json': utf8('{"__proto__":{"a":1},"constructor":2}'),
      'largest-integers.json': canonical([9007199254740991, -9007199254740991, 0]),
      'no-container.json': utf8('"\\u0000"'),
      'deep.json': utf8('['.repeat(24) + ']'.repeat(24)),
    },
    invalid: {
      'not-canonical': {
        'needless-escape.json': utf8('"\\u0041"'),
        'duplicate-prototype.json': utf8('{"__proto__":1,"__proto__":2}'),
        'white-space.json': utf8('[1, 2]'),
        'upper-case-escape.json': utf8('"\\u001F"'),
      },
      'unsafe-number': {
        'one-too-large.json': utf8('9007199254740992'),
        'minus-zero.json': utf8('-0'),
        'exponent.json': utf8('1e400'),
      },
      'too-deep': { 'one-more.json': utf8('['.repeat(25) + ']'.repeat(25)) },
      malformed: {
        'lone-surrogate.json': utf8('"\\ud800"'),
        'overlong-utf-8.json': new Uint8Array([0x22, 0xc0, 0x80, 0x22]),
        'surrogate-in-utf-8.json': new Uint8Array([0x22, 0xed, 0xa0, 0x80, 0x22]),
        'two-values.json': utf8('1 2'),
      },
      oversized: { 'too-many-values.json': utf8(`[${'0,'.repeat(10_000)}0]`) },
    },
  };
}

/** What the corpus starts from, by format. */
export async function samples(): Promise<ReadonlyMap<string, Samples>> {
  const found = new Map<string, Samples>([['canonical-json', canonicalJsonSamples()]]);
  const made = await documents();
  for (const { name } of documentFormats) {
    const document = made[name];
    if (document) found.set(name, documentSamples(document));
  }
  const others = [...(await messageSamples()), ...(await textSamples()), ...agentFileSamples];
  for (const [name, sample] of others) found.set(name, sample);
  for (const { name } of formats) if (!found.has(name)) throw new Error(`no samples of ${name}`);
  return found;
}
