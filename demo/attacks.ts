import { execFile } from 'node:child_process';
import { createHash, createPrivateKey, sign } from 'node:crypto';
import { cp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import {
  canonicalBytes,
  type HeadDocument,
  type HostName,
  type JournalEvent,
  type Json,
  narHashOf,
  type ReleaseDocument,
  type RolloutId,
  type RolloutManifest,
  releasePath,
  rolloutPath,
  SignedEvent,
  signaturePath,
  signBytes,
} from '@nixfleet/contracts';
import { nodeCrypto, privateKeyFromPem, signerFor } from '@nixfleet/contracts/node-crypto';
import { fingerprintOf, parseNarInfo } from '@nixfleet/release';
import type { DemoFleet } from './demo-fleet.ts';
import { HostileControlPlane } from './hostile-control-plane.ts';
import type { DemoHost } from './layout.ts';
import { must } from './programs.ts';
import { eventOf, expect, type Scene } from './scene.ts';

const refusalSecondsMax = 20;
type Tree = Map<string, Uint8Array>;
type Refused = Extract<JournalEvent, { kind: 'document-refused' }>['body'];

/** Five attacks with stolen keys, each against a real agent, each refused for its own reason. */
export async function refused({ fleet, tell }: Scene): Promise<void> {
  const trees = new GitTrees(fleet.layout.forge);
  const [newest] = await trees.revisions();
  expect(newest, 'a published release');
  const oldTree = await trees.read(await trees.revisionOf('1.1'));

  await using thief = await HostileControlPlane.open(await readFile(fleet.key('control-plane'), 'utf8'));
  tell.say('a thief has the control plane’s key, the head key and the cache’s key, and answers web-1 and web-2');
  for (const host of ['web-1', 'web-2'] as const) fleet.link(host).redirect(thief.port);
  fleet.link('canary-1').unplug();
  const from = await fleet.position();
  await fleet.push({ version: '1.4' });
  const tree = await trees.read((await trees.revisions())[0] ?? '');
  const web = currentManifest(tree, 'web');

  const tampered = new Map(tree);
  const path = rolloutPath(web.rolloutId);
  tampered.set(
    path,
    Buffer.from(
      Buffer.from(tree.get(path) ?? [])
        .toString()
        .replace('"attempt":1', '"attempt":2'),
    ),
  );
  thief.serve({ tree: tampered, trustVersion: 1, go: null });
  await refusal(fleet, 'web-1', { document: 'rollout', reason: 'hash-mismatch' });
  tell.prove('a tampered manifest: hash-mismatch');

  thief.serve({ tree: oldTree, trustVersion: 1, go: null });
  await refusal(fleet, 'web-1', { document: 'head', reason: 'rolled-back' });
  tell.prove('a replayed old head: rolled-back');

  thief.serve({ tree: await underFreshHead(fleet, { tree, oldTree }), trustVersion: 1, go: null });
  await refusal(fleet, 'web-1', { document: 'release', reason: 'rolled-back' });
  tell.prove('a stolen head key naming an old release: rolled-back');

  const entry = web.manifest.hosts['web-1' as HostName];
  expect(entry && entry.wave > 0, 'web-1 is in a later wave');
  const go = { rolloutId: web.rolloutId, wave: entry.wave, attempt: entry.attempt, receipts: [] };
  thief.serve({ tree, trustVersion: 1, go });
  await refusal(fleet, 'web-1', { document: 'go', reason: 'receipts-missing' });
  tell.prove('a go for the second wave without the first one’s receipts: receipts-missing');

  const restore = await poisonCache(fleet, 'app-1.4');
  for (const host of ['web-1', 'web-2'] as const) fleet.link(host).redirect(fleet.controlPlanePort);
  fleet.link('canary-1').plugIn();
  const poisoned = await eventOf(fleet, from, 'canary-1', 'refused');
  expect(poisoned.body.reason === 'closure-digest-mismatch', `closure-digest-mismatch, not ${poisoned.body.reason}`);
  expect(poisoned.body.detail?.includes('canary-1-1.4'), 'the refusal names the closure');
  tell.detail(poisoned.body.detail ?? '');
  await restore();
  const ran = (await fleet.observer.eventsAfter(from)).filter(
    ({ event }) => event.kind === 'activating' && event.body.target.closure.endsWith('-1.4'),
  );
  expect(ran.length === 0, 'nobody activated 1.4');
  tell.prove('a dependency poisoned in the cache and signed with its key: closure-digest-mismatch');
}

/** Waits until the host has journalled this refusal; read from its own disk, since the thief passes nothing on. */
async function refusal(fleet: DemoFleet, host: DemoHost, wanted: Pick<Refused, 'document' | 'reason'>): Promise<void> {
  const deadline = Date.now() + refusalSecondsMax * 1000;
  let seen: Refused[] = [];
  while (Date.now() < deadline) {
    seen = await refusalsOf(fleet, host);
    if (seen.some(({ document, reason }) => document === wanted.document && reason === wanted.reason)) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const got = seen.map(({ document, reason }) => `${document} ${reason}`).join(', ') || 'nothing';
  throw new Error(`${host} should have refused: ${wanted.document} ${wanted.reason}; it refused ${got}`);
}

async function refusalsOf(fleet: DemoFleet, host: DemoHost): Promise<Refused[]> {
  const folder = join(fleet.layout.host(host).state, 'journal');
  const bodies: Refused[] = [];
  for (const file of await readdir(folder)) {
    for (const line of (await readFile(join(folder, file), 'utf8')).split('\n')) {
      const signed = parseLine(line);
      const event: JournalEvent | null = signed && JSON.parse(signed.event);
      if (event?.kind === 'document-refused') bodies.push(event.body);
    }
  }
  return bodies;
}

function parseLine(line: string): SignedEvent | null {
  try {
    return SignedEvent.parse(JSON.parse(line));
  } catch {
    // A line being written, or a file that is not a journal.
    return null;
  }
}

/** The thief signs a head of the future with the stolen key, naming a release that was good once. */
async function underFreshHead(fleet: DemoFleet, { tree, oldTree }: { tree: Tree; oldTree: Tree }): Promise<Tree> {
  const now = parse<HeadDocument>(tree, 'head.json');
  const old = parse<HeadDocument>(oldTree, 'head.json');
  const bytes = canonicalBytes({ ...now, version: now.version + 10, release: old.release } as unknown as Json);
  const signer = await signerFor(privateKeyFromPem(await readFile(fleet.key('head'), 'utf8')));
  const forged: Tree = new Map([...oldTree, ['head.json', bytes]]);
  for (const [keyId, signature] of await signBytes(nodeCrypto, bytes, [signer])) {
    forged.set(signaturePath('head.json', keyId, 'sig'), signature);
  }
  return forged;
}

/** Replaces one path of the cache by another content, signed with the cache's own key; returns the way back. */
async function poisonCache(fleet: DemoFleet, name: string): Promise<() => Promise<void>> {
  const { cache, ci, keys, root } = fleet.layout;
  for (const file of await readdir(cache)) {
    if (!file.endsWith('.narinfo')) continue;
    const original = await readFile(join(cache, file));
    const info = parseNarInfo(original);
    if (!info.ok || !info.value.path.endsWith(`-${name}`)) continue;
    const { path, references } = info.value;
    const copy = join(root, 'poisoned');
    await cp(join(ci.store, path), copy, { recursive: true });
    const script = join(copy, 'bin', 'server.js');
    await must(['chmod', '-R', 'u+w', copy]);
    await writeFile(script, `${await readFile(script, 'utf8')}\n// and something else\n`);
    await must(['chmod', '-R', 'a-w', copy]);
    const dump = { encoding: 'buffer', maxBuffer: 16 * 1024 * 1024 } as const;
    const { stdout: nar } = await promisify(execFile)('nix-store', ['--dump', copy], dump);
    await must(['chmod', '-R', 'u+w', copy]);
    await rm(copy, { recursive: true });
    const hash = createHash('sha256').update(nar).digest();
    const narHash = narHashOf(hash);
    const [keyName = '', secret = ''] = (await readFile(join(keys, 'cache'), 'utf8')).trim().split(':');
    const fingerprint = fingerprintOf({ path, narHash, narSize: nar.length, references });
    const signature = sign(null, Buffer.from(fingerprint), ed25519FromNix(secret)).toString('base64');
    const url = `nar/${hash.toString('hex')}.nar`;
    await writeFile(join(cache, url), nar);
    const names = references.map((reference) => reference.slice('/nix/store/'.length)).join(' ');
    const lines = [`StorePath: ${path}`, `URL: ${url}`, 'Compression: none', `FileHash: ${narHash}`];
    lines.push(`FileSize: ${nar.length}`, `NarHash: ${narHash}`, `NarSize: ${nar.length}`, `References: ${names}`);
    await writeFile(join(cache, file), `${[...lines, `Sig: ${keyName}:${signature}`].join('\n')}\n`);
    return async () => {
      await writeFile(join(cache, file), original);
    };
  }
  throw new Error(`no path ${name} in the cache`);
}

/** Nix keeps an ed25519 key as seed and public half, in base64. */
function ed25519FromNix(secret: string) {
  const prefix = Buffer.from('302e020100300506032b657004220420', 'hex');
  const seed = Buffer.from(secret, 'base64').subarray(0, 32);
  return createPrivateKey({ key: Buffer.concat([prefix, seed]), format: 'der', type: 'pkcs8' });
}

function currentManifest(tree: Tree, channel: string): { rolloutId: RolloutId; manifest: RolloutManifest } {
  const head = parse<HeadDocument>(tree, 'head.json');
  const release = parse<ReleaseDocument>(tree, releasePath(head.release.sha256));
  const named = Object.entries(release.channels).find(([name]) => name === channel);
  expect(named, `the channel ${channel} in the release`);
  const { rolloutId } = named[1];
  return { rolloutId, manifest: parse<RolloutManifest>(tree, rolloutPath(rolloutId)) };
}

function parse<Document>(tree: Tree, path: string): Document {
  return JSON.parse(Buffer.from(tree.get(path) ?? []).toString());
}

/** The releases branch, as anybody who can read the forge has it. */
class GitTrees {
  readonly #forge: string;

  constructor(forge: string) {
    this.#forge = forge;
  }

  /** Newest first. */
  async revisions(): Promise<string[]> {
    return (await must(['git', '-C', this.#forge, 'rev-list', 'releases'])).trim().split('\n');
  }

  /** The newest revision whose web hosts run this version. */
  async revisionOf(version: string): Promise<string> {
    for (const revision of await this.revisions()) {
      const tree = await this.read(revision);
      if (!tree.has('head.json')) continue;
      const { manifest } = currentManifest(tree, 'web');
      if (Object.values(manifest.hosts).every(({ closure }) => closure.endsWith(`-${version}`))) return revision;
    }
    throw new Error(`no release of ${version}`);
  }

  async read(revision: string): Promise<Tree> {
    const tree: Tree = new Map();
    const listed = await must(['git', '-C', this.#forge, 'ls-tree', '-r', '--name-only', revision]);
    for (const path of listed.trim().split('\n')) {
      const { stdout } = await promisify(execFile)('git', ['-C', this.#forge, 'show', `${revision}:${path}`], {
        encoding: 'buffer',
        maxBuffer: 16 * 1024 * 1024,
      });
      tree.set(path, stdout);
    }
    return tree;
  }
}
