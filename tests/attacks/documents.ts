import {
  ChannelName,
  Commit,
  fleetPath,
  instantToMs,
  msToInstant,
  type ReleaseDocument,
  releasePath,
  rolloutPath,
  Sha256Hex,
  SignerName,
  sealDocument,
  trustPath,
} from '@nixfleet/contracts';
import { nodeCrypto } from '@nixfleet/contracts/node-crypto';
import { hostileForms, putSigned, signTestBytes, type TestRelease, testKey } from '@nixfleet/testkit';
import type { Attack } from './attack.ts';
import type { AttackLab, Tree } from './attack-lab.ts';

/** Changes one letter of a file without making it longer. */
function alter(tree: Tree, path: string, [from, to]: readonly [string, string]): void {
  const text = new TextDecoder().decode(tree.get(path));
  if (!text.includes(from)) throw new Error(`${path} does not contain ${from}`);
  tree.set(path, new TextEncoder().encode(text.replace(from, to)));
}

/** A release of the attacker's making under a head signed with the stolen head key. */
async function forgeRelease(
  lab: AttackLab,
  tree: Tree,
  { signers, change }: { readonly signers: readonly string[]; readonly change?: (draft: ReleaseDocument) => void },
): Promise<void> {
  const draft = structuredClone(lab.fleet.current.document);
  draft.version++;
  change?.(draft);
  const { bytes, sha256 } = await sealDocument(nodeCrypto, draft);
  await lab.put(tree, releasePath(sha256), draft, signers);
  await lab.forgeHead(tree, (head) => {
    head.release = { version: draft.version, sha256, bytes: bytes.length };
  });
}

/** What was released first, once rightly signed. */
function firstRelease(lab: AttackLab): TestRelease {
  const [first] = lab.fleet.releases;
  if (!first) throw new Error('no first release');
  return first;
}

/** A head of the thief's, so many versions ahead, over the first release. */
async function headOverOldRelease(lab: AttackLab, versionsAhead: number): Promise<string> {
  const { version, document, release } = firstRelease(lab);
  const { sha256 } = await sealDocument(nodeCrypto, document);
  const tree = lab.tree();
  await lab.forgeHead(tree, (head) => {
    head.version += versionsAhead;
    head.release = { version, sha256, bytes: release.bytes.length };
  });
  await lab.offer({ tree });
  return lab.refused();
}

/** The manifest of the victim's channel, as the newest release names it. */
function manifestPath(lab: AttackLab): string {
  const manifest = lab.fleet.current.manifests.get('stable');
  if (!manifest) throw new Error('no manifest of stable');
  return rolloutPath(manifest.rolloutId);
}

/** Attacks on an agent through the signed documents: by whoever answers it, with whatever keys were stolen. */
export const documentAttacks: readonly Attack[] = [
  {
    title: 'a release that no release signer signed, under a head signed with the stolen head key',
    owns: ['control plane', 'head key'],
    tuf: 'arbitrary installation',
    refusedBy: 'agent',
    reason: 'release: too-few-signers',
    async attempt(lab) {
      const tree = lab.tree();
      await forgeRelease(lab, tree, { signers: ['mallory'] });
      await lab.offer({ tree });
      return lab.refused();
    },
  },
  {
    title: 'a manifest with another attempt in it',
    owns: ['control plane'],
    tuf: 'arbitrary installation',
    refusedBy: 'agent',
    reason: 'rollout: hash-mismatch',
    async attempt(lab) {
      const tree = await lab.signNext();
      alter(tree, manifestPath(lab), ['"attempt":1', '"attempt":2']);
      await lab.offer({ tree });
      return lab.refused();
    },
  },
  {
    title: 'a resolved fleet in which the victim is in another channel',
    owns: ['control plane'],
    tuf: 'arbitrary installation',
    refusedBy: 'agent',
    reason: 'fleet: hash-mismatch',
    async attempt(lab) {
      const tree = await lab.signNext((next) => {
        next.hosts['web-1']?.tags.push('stable');
      });
      alter(tree, fleetPath(lab.fleet.current.document.resolvedFleet.sha256), [
        '"channel":"stable"',
        '"channel":"stabel"',
      ]);
      await lab.offer({ tree });
      return lab.refused();
    },
  },
  {
    title: 'the whole tree of an earlier day, everything in it rightly signed',
    owns: ['control plane'],
    tuf: 'rollback',
    refusedBy: 'agent',
    reason: 'head: rolled-back',
    async attempt(lab) {
      const tree = lab.tree();
      putSigned(tree, 'head.json', firstRelease(lab).head);
      await lab.offer({ tree });
      return lab.refused();
    },
  },
  {
    title: 'an old release under a new head, signed with the stolen head key',
    owns: ['control plane', 'head key'],
    tuf: 'rollback',
    refusedBy: 'agent',
    reason: 'release: rolled-back',
    attempt: (lab) => headOverOldRelease(lab, 0),
  },
  {
    title: 'a head a million versions ahead that names an old release: it moves no floor',
    owns: ['control plane', 'head key'],
    tuf: 'fast-forward',
    refusedBy: 'agent',
    reason: 'release: rolled-back',
    attempt: (lab) => headOverOldRelease(lab, 1_000_000),
  },
  {
    title: 'a second head of the same version',
    owns: ['control plane', 'head key'],
    tuf: 'equivocation',
    refusedBy: 'agent',
    reason: 'head: equivocation',
    async attempt(lab) {
      const tree = lab.tree();
      await lab.forgeHead(tree, (head) => {
        head.version--;
        head.holds = [Sha256Hex.parse('f'.repeat(64))];
      });
      await lab.offer({ tree });
      return lab.refused();
    },
  },
  {
    title: 'a second release of the same version',
    owns: ['control plane', 'head key', 'one release signer'],
    tuf: 'equivocation',
    refusedBy: 'agent',
    reason: 'release: equivocation',
    async attempt(lab) {
      const tree = lab.tree();
      await forgeRelease(lab, tree, {
        signers: ['ci'],
        change: (draft) => {
          draft.version--;
          draft.source.commit = Commit.parse('e'.repeat(40));
        },
      });
      await lab.offer({ tree });
      return lab.refused();
    },
  },
  {
    title: 'the newest head over the files of the release before',
    owns: ['control plane'],
    tuf: 'mix-and-match',
    refusedBy: 'agent',
    reason: 'release: hash-mismatch',
    async attempt(lab) {
      const before = lab.fleet.current;
      const tree = await lab.signNext();
      // Of the same size, so that only the hash can tell.
      const path = releasePath(lab.fleet.headDocument.release.sha256);
      if (before.release.bytes.length !== tree.get(path)?.length) throw new Error('expected releases of one size');
      putSigned(tree, path, before.release);
      await lab.offer({ tree });
      return lab.refused();
    },
  },
  {
    title: 'a head that has expired, as the thief keeps showing the last one it likes',
    owns: ['control plane'],
    tuf: 'indefinite freeze',
    refusedBy: 'agent',
    reason: 'head: expired',
    async attempt(lab) {
      const tree = await lab.signNext();
      await lab.forgeHead(tree, (head) => {
        head.signedAt = msToInstant(instantToMs(lab.fleet.now) - 90_000);
        head.expiresAt = msToInstant(instantToMs(lab.fleet.now) - 30_000);
      });
      await lab.offer({ tree });
      return lab.refused();
    },
  },
  {
    title: 'a head from an hour ahead',
    owns: ['control plane', 'head key'],
    tuf: 'indefinite freeze',
    refusedBy: 'agent',
    reason: 'head: future-dated',
    async attempt(lab) {
      const tree = lab.tree();
      await lab.forgeHead(tree, (head) => {
        head.signedAt = msToInstant(instantToMs(lab.fleet.now) + 3_600_000);
        head.expiresAt = msToInstant(instantToMs(lab.fleet.now) + 7_200_000);
      });
      await lab.offer({ tree });
      return lab.refused();
    },
  },
  {
    title: 'a head of another fleet, signed with the same key',
    owns: ['control plane', 'head key'],
    refusedBy: 'agent',
    reason: 'head: wrong-fleet',
    async attempt(lab) {
      const tree = lab.tree();
      await lab.forgeHead(tree, (head) => {
        Object.assign(head, { fleet: 'other' });
      });
      await lab.offer({ tree });
      return lab.refused();
    },
  },
  {
    title: 'a release that one signer signed twice, where the channel demands two signers',
    owns: ['control plane', 'head key', 'one release signer'],
    tuf: 'key compromise',
    refusedBy: 'agent',
    reason: 'release: too-few-signers',
    async attempt(lab) {
      const second = await testKey('ci-second-token');
      await lab.fleet.nextTrust((draft) => {
        draft.signers[SignerName.parse('ci')]?.keys.push(second.declared);
        draft.roles.release.channels = { [ChannelName.parse('stable')]: { threshold: 2 } };
      });
      const tree = await lab.signNext();
      // Signed by `ci` alone so far; now with both of its keys.
      const path = releasePath(lab.fleet.headDocument.release.sha256);
      const bytes = tree.get(path) ?? new Uint8Array();
      putSigned(tree, path, await signTestBytes(bytes, [await testKey('ci'), second]));
      await lab.offer({ tree });
      const reason = await lab.refused();
      await lab.fleet.nextTrust((draft) => {
        delete draft.roles.release.channels;
      });
      return reason;
    },
  },
  {
    title: 'a release signed with a key that newer trust no longer knows',
    owns: ['control plane', 'head key', 'one release signer'],
    tuf: 'key compromise',
    refusedBy: 'agent',
    reason: 'release: too-few-signers',
    async attempt(lab) {
      await lab.fleet.nextTrust((draft) => {
        draft.roles.release.signers = draft.roles.release.signers.filter((name) => name !== 'ci');
      });
      const tree = await lab.signNext();
      await lab.offer({ tree });
      const reason = await lab.refused();
      await lab.fleet.nextTrust((draft) => {
        draft.roles.release.signers.push(SignerName.parse('ci'));
      });
      return reason;
    },
  },
  {
    title: 'a next trust document signed by one of the two root signers',
    owns: ['control plane', 'one root signer'],
    tuf: 'key compromise',
    refusedBy: 'agent',
    reason: 'trust: too-few-signers',
    async attempt(lab) {
      const tree = await lab.signNext();
      const next = structuredClone(lab.fleet.trustDocument);
      next.version++;
      next.roles.root.threshold = 1;
      await lab.put(tree, trustPath(next.version), next, ['root-1', 'mallory']);
      await lab.offer({ tree, trustVersion: next.version });
      return lab.refused();
    },
  },
  {
    title: 'every form that a document must not have, signed with the stolen head key',
    owns: ['control plane', 'head key'],
    refusedBy: 'agent',
    reason: [
      'truncated malformed',
      'cut inside UTF-8 malformed',
      'oversized oversized',
      'trailing newline not-canonical',
      'duplicate key not-canonical',
      'keys out of order not-canonical',
      'nested too deep too-deep',
      'a fraction unsafe-number',
      'no object wrong-type',
      'another type wrong-type',
      'another fleet wrong-fleet',
      'a later schema unsupported-schema',
      'an unknown requirement unknown-requirement',
      'requires is no list invalid',
      'nothing but the envelope invalid',
    ].join(', '),
    async attempt(lab) {
      const head = { ...lab.fleet.headDocument, version: lab.fleet.headDocument.version + 1 };
      const got: string[] = [];
      for (const { name, bytes } of hostileForms(head)) {
        lab.begin();
        const tree = lab.tree();
        putSigned(tree, 'head.json', await signTestBytes(bytes, [await testKey('ci-head')]));
        await lab.offer({ tree });
        got.push(`${name} ${(await lab.refused()).replace('head: ', '')}`);
      }
      return got.join(', ');
    },
  },
];
