import {
  addSeconds,
  ChannelName,
  canonicalBytes,
  type FleetDocument,
  fleetPath,
  type Go,
  HostName,
  type Json,
  type ReleaseDocument,
  RolloutId,
  type RolloutManifest,
  releasePath,
  rolloutPath,
  SignerName,
  type StorePath,
  sealDocument,
} from '@nixfleet/contracts';
import { nodeCrypto } from '@nixfleet/contracts/node-crypto';
import type { Attack } from './attack.ts';
import type { AttackLab, Tree } from './attack-lab.ts';

const stable = ChannelName.parse('stable');
const moles = ChannelName.parse('moles');
const victim = HostName.parse('web-1');

/** A version as high as the next honest one, so that the honest one after it is newer. */
const asHighAsNext = 0;

interface Forgery {
  readonly fleet: FleetDocument;
  readonly release: ReleaseDocument;
  /** Puts a manifest into the tree; nobody signs it. */
  manifest(
    channel: ChannelName,
    change: (draft: RolloutManifest) => void,
  ): Promise<{ rolloutId: RolloutId; bytes: number }>;
}

/** A release of the thief's with whatever it binds, by one release signer, under a head by the stolen head key. */
async function forge(lab: AttackLab, change: (forgery: Forgery) => Promise<void>, versionsAhead = 1): Promise<Tree> {
  const tree = await lab.signNext();
  const { current } = lab.fleet;
  const parse = <Value>(bytes: Uint8Array): Value => JSON.parse(new TextDecoder().decode(bytes)) as Value;
  const fleet = parse<FleetDocument>(current.fleet);
  const release = structuredClone(current.document);
  release.version += versionsAhead;
  await change({
    fleet,
    release,
    async manifest(channel, rewrite) {
      const named = current.manifests.get(channel);
      if (!named) throw new Error(`no manifest of ${channel}`);
      const draft = structuredClone(named.document);
      rewrite(draft);
      // As it stands: what no schema takes is to be refused by its reader.
      const bytes = canonicalBytes(draft as unknown as Json);
      const rolloutId = RolloutId.parse(Buffer.from(await nodeCrypto.sha256(bytes)).toString('hex'));
      tree.set(rolloutPath(rolloutId), bytes);
      return { rolloutId, bytes: bytes.length };
    },
  });
  const sealedFleet = await sealDocument(nodeCrypto, fleet);
  tree.set(fleetPath(sealedFleet.sha256), sealedFleet.bytes);
  release.resolvedFleet = { sha256: sealedFleet.sha256, bytes: sealedFleet.bytes.length };
  const { bytes, sha256 } = await sealDocument(nodeCrypto, release);
  await lab.put(tree, releasePath(sha256), release, ['ci']);
  await lab.forgeHead(tree, (head) => {
    // In the place of the honest head that nobody was shown, so that the one after it is newer.
    head.version = lab.fleet.headDocument.version;
    head.release = { version: release.version, sha256, bytes: bytes.length };
  });
  return tree;
}

/** Trust demands two signers for the victim's channel while this is tried. */
async function underStrictTrust(lab: AttackLab, attempt: () => Promise<string>): Promise<string> {
  await lab.fleet.nextTrust((draft) => {
    draft.roles.release.channels = { [stable]: { threshold: 2 } };
  });
  const reason = await attempt();
  await lab.fleet.nextTrust((draft) => {
    delete draft.roles.release.channels;
  });
  return reason;
}

/** A go for what was refused may be refused after it. */
async function firstRefusal(lab: AttackLab): Promise<string> {
  return (await lab.refused()).split(', ')[0] ?? '';
}

function goFor(rolloutId: RolloutId): Go {
  return { rolloutId, wave: 0, attempt: 1, receipts: [] };
}

function runsEvil(lab: AttackLab, draft: RolloutManifest, hosts: readonly HostName[]): void {
  const [entry] = Object.values(draft.hosts);
  if (!entry) throw new Error('a manifest of nobody');
  const { closure, closureDigest, closureBytes } = lab.evil;
  const evil = { ...entry, wave: 0, closure: closure as StorePath, closureDigest, closureBytes } as typeof entry;
  draft.hosts = Object.fromEntries(hosts.map((name) => [name, evil]));
}

const thief = ['control plane', 'head key', 'one release signer'] as const;

/** Attacks with keys that sign releases and heads, below what trust demands or beyond what they may say. */
export const stolenKeyAttacks: readonly Attack[] = [
  {
    title: 'a release without the strict channel, that moves its host to a channel which one signer may release',
    owns: thief,
    tuf: 'key compromise',
    refusedBy: 'agent',
    reason: 'release: too-few-signers',
    attempt: (lab) =>
      underStrictTrust(lab, async () => {
        let go: Go | null = null;
        const tree = await forge(lab, async ({ fleet, release, manifest }) => {
          const host = fleet.hosts[victim];
          if (host) host.channel = moles;
          for (const wave of fleet.channels[stable]?.waves ?? [])
            wave.hosts = wave.hosts.filter((name) => name !== victim);
          fleet.channels[moles]?.waves[0]?.hosts.push(victim);
          const { rolloutId, bytes } = await manifest(moles, (draft) =>
            runsEvil(lab, draft, [HostName.parse('mole'), victim]),
          );
          release.channels = { [moles]: { rolloutId, bytes, mayFinish: [], freezes: [] } };
          go = goFor(rolloutId);
        });
        await lab.offer({ tree, go });
        return firstRefusal(lab);
      }),
  },
  {
    title: 'a trial on a host of the strict channel, in a release without that channel',
    owns: thief,
    tuf: 'key compromise',
    refusedBy: 'agent',
    reason: 'release: too-few-signers',
    attempt: (lab) =>
      underStrictTrust(lab, async () => {
        let go: Go | null = null;
        const tree = await forge(lab, async ({ release, manifest }) => {
          const trial = await manifest(stable, (draft) => {
            runsEvil(lab, draft, [victim]);
            draft.waves.splice(1);
            draft.introducedIn = release.version;
          });
          delete release.channels[stable];
          release.trials = { [victim]: { ...trial, expiresAt: addSeconds(lab.fleet.now, 3600) } };
          go = goFor(trial.rolloutId);
        });
        await lab.offer({ tree, go });
        return firstRefusal(lab);
      }),
  },
  {
    title: 'a trial of one host whose manifest names another',
    owns: thief,
    refusedBy: 'agent',
    reason: 'rollout: wrong-host',
    async attempt(lab) {
      let go: Go | null = null;
      const tree = await forge(
        lab,
        async ({ release, manifest }) => {
          const trial = await manifest(stable, (draft) => {
            runsEvil(lab, draft, [HostName.parse('canary')]);
            draft.waves.splice(1);
            draft.introducedIn = release.version;
          });
          release.trials = { [victim]: { ...trial, expiresAt: addSeconds(lab.fleet.now, 3600) } };
          go = goFor(trial.rolloutId);
        },
        asHighAsNext,
      );
      await lab.offer({ tree, go });
      return lab.refused();
    },
  },
  {
    title: 'a closure that climbs out of the store, in a manifest that a release names',
    owns: thief,
    tuf: 'arbitrary installation',
    refusedBy: 'agent',
    reason: 'rollout: invalid',
    async attempt(lab) {
      const tree = await forge(
        lab,
        async ({ release, manifest }) => {
          const named = await manifest(stable, (draft) => {
            for (const entry of Object.values(draft.hosts)) {
              Object.assign(entry, { closure: '/nix/store/0123456789abcdfghijklmnpqrsvwxyz-x/../../../tmp/evil' });
            }
          });
          release.channels[stable] = { ...named, mayFinish: [], freezes: [] };
        },
        asHighAsNext,
      );
      await lab.offer({ tree });
      return lab.refused();
    },
  },
  {
    title: 'a field that readers ignore, added to the head',
    owns: ['control plane'],
    refusedBy: 'agent',
    reason: 'head: too-few-signers',
    async attempt(lab) {
      const tree = await lab.signNext();
      const head = { ...lab.fleet.headDocument, zz: 'a note' };
      tree.set('head.json', canonicalBytes(head as unknown as Json));
      await lab.offer({ tree });
      return lab.refused();
    },
  },
  {
    title:
      'a head a million versions ahead over the current release: honest heads are refused until trust names another head key',
    owns: ['control plane', 'head key'],
    tuf: 'fast-forward',
    refusedBy: 'agent',
    reason: 'head: rolled-back, then accepted under the new key',
    async attempt(lab) {
      const tree = lab.tree();
      const far = lab.fleet.headDocument.version + 1_000_000;
      await lab.forgeHead(tree, (head) => {
        head.version = far;
      });
      await lab.offer({ tree });
      await acceptedHead(lab, far);
      await lab.fleet.signHead();
      await lab.offer({});
      const refused = await lab.refused();
      const spare = SignerName.parse('ci-spare');
      const honest = await headKeys(lab, [spare]);
      await lab.fleet.signHead(() => {}, [spare]);
      await lab.offer({});
      await acceptedHead(lab, lab.fleet.headDocument.version);
      // The laboratory's CI has the old key alone, which nobody steals twice.
      await headKeys(lab, honest);
      return `${refused}, then accepted under the new key`;
    },
  },
];

/** Trust names these for the head from now on; returns who it was before. */
async function headKeys(lab: AttackLab, signers: readonly SignerName[]): Promise<readonly SignerName[]> {
  const before = lab.fleet.trustDocument.roles.head.signers;
  await lab.fleet.nextTrust((draft) => {
    draft.roles.head.signers = [...signers];
  });
  return before;
}

async function acceptedHead(lab: AttackLab, version: number): Promise<void> {
  await lab.victim.until('release-accepted', {
    mark: lab.mark,
    where: ({ body }) => body.head.version === version,
  });
}
