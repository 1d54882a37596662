import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import {
  type Crypto,
  fleetPath,
  headPath,
  holdPath,
  type Instant,
  pinTrust,
  type Refusal,
  releasePath,
  resumePath,
  rolloutPath,
  type Sha256Hex,
  type SignedBytes,
  type TrustState,
  trustPath,
  type Verified,
  verifyFleet,
  verifyHead,
  verifyHold,
  verifyManifest,
  verifyRelease,
  verifyResume,
  walkTrust,
} from '@nixfleet/contracts';
import { nodeCrypto } from '@nixfleet/contracts/node-crypto';
import { webCrypto } from '@nixfleet/contracts/web-crypto';
import { createTestFleet, readSigned, type TestFleet } from '@nixfleet/testkit';
import fc from 'fast-check';
import { textOf } from './format.ts';
import { inputs } from './mutations.ts';

/** Changed trees for each kind of file; `make fuzz` has more. */
const runs = Number(process.env.FUZZ_RUNS ?? 200);

const webcrypto = webCrypto(globalThis.crypto.subtle as unknown as Parameters<typeof webCrypto>[0]);
type Files = ReadonlyMap<string, Uint8Array>;

interface Tree {
  readonly fleet: TestFleet;
  readonly files: Files;
  readonly now: Instant;
  readonly first: Uint8Array;
  readonly hold: Sha256Hex;
  readonly ended: Sha256Hex;
}

/** Two trust versions, two releases, a hold in force and one that was ended. */
async function openTree(): Promise<Tree> {
  const fleet = await createTestFleet();
  await fleet.publish();
  // Signed by just as many as have to, so that no signature can be spared.
  await fleet.nextTrust(
    (draft) => {
      draft.roles.release.threshold = 2;
    },
    ['root-1', 'root-2'],
  );
  await fleet.publish(() => {}, { signedBy: ['ci', 'ci-spare'] });
  const ended = await fleet.hold('data');
  await fleet.resume(ended.sha256);
  const hold = await fleet.hold('stable');
  const first = fleet.trustChain[0]?.bytes ?? new Uint8Array();
  return { fleet, files: fleet.files, now: fleet.now, first, hold: hold.sha256, ended: ended.sha256 };
}

/** Everything that an agent verifies, in its order: the first reason to refuse, or null. */
async function verifyTree(tree: Tree, files: Files, crypto: Crypto): Promise<string | null> {
  const ctx = { crypto, fleet: tree.fleet.name };
  const { now } = tree;
  const signed = (path: string): SignedBytes => readSigned(files, path);
  const pinned = await pinTrust(ctx, tree.first);
  if (!pinned.ok) return said('trust', pinned);
  const walked = await walkTrust(ctx, { current: pinned.value, next: [signed(trustPath(2))] });
  if (!walked.ok) return said('trust', walked);
  const trust: TrustState = walked.value;
  const head = await verifyHead(ctx, { trust, signed: signed(headPath), floor: null, now });
  if (!head.ok) return said('head', head);
  const named = head.value.document.release;
  const release = await verifyRelease(ctx, {
    trust,
    head: head.value,
    signed: signed(releasePath(named.sha256)),
    floor: null,
    now,
  });
  if (!release.ok) return said('release', release);
  const { resolvedFleet, channels } = release.value.document;
  const bytesAt = (path: string): Uint8Array => files.get(path) ?? new Uint8Array();
  const fleet = await verifyFleet(ctx, { release: release.value, bytes: bytesAt(fleetPath(resolvedFleet.sha256)) });
  if (!fleet.ok) return said('fleet', fleet);
  for (const [channel, { rolloutId }] of Object.entries(channels)) {
    const bytes = bytesAt(rolloutPath(rolloutId));
    const manifest = await verifyManifest(ctx, { release: release.value, channel, bytes });
    if (!manifest.ok) return said('rollout', manifest);
  }
  const hold: Verified<unknown> = await verifyHold(ctx, {
    trust,
    head: head.value,
    signed: signed(holdPath(tree.hold)),
    now,
  });
  if (!hold.ok) return said('hold', hold);
  const resume = await verifyResume(ctx, { trust, hold: tree.ended, signed: signed(resumePath(tree.ended)) });
  return resume.ok ? null : said('resume', resume);
}

function said(what: string, { reason }: Refusal): string {
  return `${what}: ${reason}`;
}

describe('a signed tree of which one file is changed', () => {
  let tree: Tree;
  before(async () => {
    tree = await openTree();
  });

  test('is accepted as it was', async () => {
    for (const crypto of [nodeCrypto, webcrypto]) assert.equal(await verifyTree(tree, tree.files, crypto), null);
  });

  // Every byte of what is read is signed or bound by hash; the first trust document is what everything starts from.
  const kinds: readonly (readonly [string, RegExp, 'json' | 'text' | 'bytes'])[] = [
    ['the next trust document', /^trust\/2\.json$/, 'json'],
    ['the head', /^head\.json$/, 'json'],
    ['the release', /^release\/[0-9a-f]+\.json$/, 'json'],
    ['the resolved fleet', /^fleet\//, 'json'],
    ['a manifest', /^rollouts\//, 'json'],
    ['a hold', /^holds\/[0-9a-f]+\.json$/, 'json'],
    ['a resume', /^resumes\/[0-9a-f]+\.json$/, 'json'],
    ['a machine’s signature', /\.sig$/, 'bytes'],
    ['a person’s signature', /\.sshsig$/, 'text'],
  ];
  for (const [what, pattern, shape] of kinds) {
    test(`${what}: refused, by both cryptography adapters for one reason`, async () => {
      const paths = [...tree.files.keys()].filter((path) => pattern.test(path) && isRead(tree, path));
      assert.ok(paths.length > 0);
      const change = fc.constantFrom(...paths).chain((path) => {
        const honest = tree.files.get(path) ?? new Uint8Array();
        const bytes = inputs({ shape }, { valid: [honest], invalid: [new Uint8Array(honest.length)] });
        return fc.record({ path: fc.constant(path), honest: fc.constant(honest), bytes });
      });
      const property = fc.asyncProperty(change, async ({ path, honest, bytes }) => {
        const files = new Map(tree.files).set(path, bytes);
        const verdict = await verifyTree(tree, files, nodeCrypto);
        assert.equal(await verifyTree(tree, files, webcrypto), verdict);
        // White space around the armour, and its line breaks, are no part of an SSHSIG.
        const isSame = shape === 'text' ? withoutSpace(bytes) === withoutSpace(honest) : sameBytes(bytes, honest);
        if (!isSame) assert.notEqual(verdict, null, `${path}: accepted`);
      });
      await fc.assert(property, { numRuns: runs });
    });
  }
});

/** Not a release or hold that came before. */
function isRead({ fleet, hold, ended }: Tree, path: string): boolean {
  const { release } = fleet.headDocument;
  const { resolvedFleet, channels } = fleet.current.document;
  const read = [
    trustPath(2),
    headPath,
    releasePath(release.sha256),
    fleetPath(resolvedFleet.sha256),
    ...Object.values(channels).map(({ rolloutId }) => rolloutPath(rolloutId)),
    holdPath(hold),
    resumePath(ended),
  ];
  return read.some((document) => path === document || path.startsWith(`${document}.`));
}

function sameBytes(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(one, other) === 0;
}

function withoutSpace(bytes: Uint8Array): string {
  return textOf(bytes).replaceAll(/\s/g, '');
}
