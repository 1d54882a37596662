import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, describe, test } from 'node:test';
import { systemClock } from '@nixfleet/contracts/node-clock';
import { createTestFleet, type TestFleet } from '@nixfleet/testkit';
import { ControlPlaneError } from '../errors.ts';
import { Fixture } from '../fixture.test.ts';
import { directorySource } from './directory-source.ts';
import { gitSource } from './git-source.ts';
import { httpsSource } from './https-source.ts';
import type { ReleaseSource } from './release-source.ts';

const root = mkdtempSync(join(tmpdir(), 'nixfleet-source-'));
after(() => rmSync(root, { recursive: true }));
const never = new AbortController().signal;
const identity = ['-c', 'user.name=ci', '-c', 'user.email=ci@example.org', '-c', 'commit.gpgsign=false'];

function write(directory: string, files: ReadonlyMap<string, Uint8Array>): void {
  for (const [path, bytes] of files) {
    mkdirSync(dirname(join(directory, path)), { recursive: true });
    writeFileSync(join(directory, path), bytes);
  }
}

/** A forge: a bare repository, and a clone that pushes `releases/` on its own branch. */
class Forge {
  readonly bare: string;
  readonly #clone: string;

  constructor(name: string) {
    this.bare = join(root, `${name}.git`);
    this.#clone = join(root, `${name}-clone`);
    execFileSync('git', ['init', '--quiet', '--bare', this.bare]);
    execFileSync('git', ['init', '--quiet', '--initial-branch=releases', this.#clone]);
  }

  push(files: ReadonlyMap<string, Uint8Array>, removed: readonly string[] = []): void {
    write(join(this.#clone, 'releases'), files);
    for (const path of removed) rmSync(join(this.#clone, 'releases', path));
    execFileSync('git', ['-C', this.#clone, 'add', '.']);
    execFileSync('git', ['-C', this.#clone, ...identity, 'commit', '--quiet', '-m', 'release']);
    execFileSync('git', ['-C', this.#clone, 'push', '--quiet', '--force', this.bare, 'releases']);
  }

  /** Throws away history: what a forge under attack could do. */
  rewrite(): void {
    execFileSync('git', ['-C', this.#clone, ...identity, 'commit', '--quiet', '--amend', '-m', 'rewritten']);
    execFileSync('git', ['-C', this.#clone, 'push', '--quiet', '--force', this.bare, 'releases']);
  }
}

async function everyFile(source: ReleaseSource, fleet: TestFleet): Promise<void> {
  await using snapshot = await source.open(never);
  const read = await Promise.all([...fleet.files.keys()].map((path) => snapshot.read(path, 1_000_000)));
  for (const [i, [path, bytes]] of [...fleet.files].entries()) assert.deepEqual(read[i], bytes, path);
  assert.equal(await snapshot.read('trust/999.json', 100), null);
  if (snapshot.holds) assert.deepEqual([...(await snapshot.holds())].sort(), holdsOf(fleet));
  for (const path of ['../secret', 'trust/../../secret', '/etc/passwd', 'head.json\nHEAD', 'releases']) {
    await assert.rejects(snapshot.read(path, 1_000_000), isSourceFailed, path);
  }
}

function holdsOf({ files }: TestFleet): string[] {
  return [...files.keys()].flatMap((path) => /^holds\/([0-9a-f]{64})\.json$/.exec(path)?.[1] ?? []).sort();
}

function diskBytes(directory: string): number {
  const files = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((file) => file.isFile());
  return files.reduce((bytes, file) => bytes + statSync(join(file.parentPath, file.name)).size, 0);
}

function isSourceFailed(error: unknown): boolean {
  return error instanceof ControlPlaneError && error.code === 'source-failed';
}

async function aFleet(): Promise<TestFleet> {
  const fleet = await createTestFleet();
  await fleet.publish();
  return fleet;
}

describe('git remote', () => {
  test('every file, from the objects alone, by new commits and rewritten history', async () => {
    const fleet = await aFleet();
    const forge = new Forge('forge');
    forge.push(fleet.files);
    const mirror = join(root, 'mirror.git');
    const source = gitSource({ url: forge.bare, branch: 'releases', path: 'releases', mirror, clock: systemClock });
    await everyFile(source, fleet);
    await using first = await source.open(never);
    fleet.pass(60);
    await fleet.signHead();
    forge.push(fleet.files);
    await everyFile(source, fleet);
    await using second = await source.open(never);
    assert.notEqual(first.id, second.id);
    assert.ok(await first.read('head.json', 100_000), 'a snapshot stays what it was');
    forge.rewrite();
    await everyFile(source, fleet);
    assert.deepEqual(await second.holds?.(), []);
    const large = `holds/${'a'.repeat(64)}.json`;
    forge.push(new Map([...fleet.files, [large, new Uint8Array(200_000)]]));
    await using third = await source.open(never);
    const [tooLarge, head] = [third.read(large, 100), third.read('head.json', 100_000)];
    await assert.rejects(tooLarge, isSourceFailed);
    assert.deepEqual(await head, fleet.files.get('head.json'), 'one bad file keeps nobody from reading the others');
    forge.push(fleet.files, [large]);
    await fleet.hold('stable');
    forge.push(fleet.files);
    await everyFile(source, fleet);
    assert.equal(existsSync(join(mirror, 'releases')), false, 'nothing is checked out');
  });

  test('too large, no branch, no repository, and a URL that would be an option', async () => {
    const fleet = await aFleet();
    const forge = new Forge('bounds');
    forge.push(fleet.files);
    const options = {
      branch: 'releases',
      path: 'releases',
      mirror: join(root, 'bounds-mirror.git'),
      clock: systemClock,
    };
    const source = gitSource({ ...options, url: forge.bare });
    {
      await using snapshot = await source.open(never);
      await assert.rejects(snapshot.read('head.json', 10), isSourceFailed);
      assert.deepEqual(await snapshot.read('head.json', 100_000), fleet.files.get('head.json'), 'and no other');
    }
    await assert.rejects(gitSource({ ...options, url: forge.bare, branch: 'none' }).open(never), isSourceFailed);
    await assert.rejects(gitSource({ ...options, url: join(root, 'none.git') }).open(never), isSourceFailed);
    const marker = join(root, 'executed');
    const evil = `--upload-pack=touch ${marker}`;
    await assert.rejects(gitSource({ ...options, url: evil }).open(never), isSourceFailed);
    await assert.rejects(gitSource({ ...options, url: `ext::sh -c "touch ${marker}"` }).open(never), isSourceFailed);
    assert.equal(existsSync(marker), false);
    assert.equal(
      gitSource({ ...options, url: 'https://u:secret@git.example.org/x' }).description.includes('secret'),
      false,
    );
  });

  test('a forge that sends without end, and a mirror that a power cut left locked', async () => {
    const fleet = await aFleet();
    const forge = new Forge('flood');
    forge.push(fleet.files);
    const mirror = join(root, 'flood-mirror.git');
    const options = { url: forge.bare, branch: 'releases', path: 'releases', mirror, clock: systemClock };
    const bounds = { packBytesMax: 1_000_000, mirrorBytesMax: 2_000_000 };
    const source = gitSource({ ...options, ...bounds });
    await everyFile(source, fleet);
    for (let i = 0; i < 6; i++) {
      forge.push(new Map([['junk', randomBytes(700_000)]]));
      await everyFile(source, fleet);
    }
    assert.ok(diskBytes(mirror) < 3_000_000, 'what can be had again is thrown away');
    forge.push(new Map([['junk', randomBytes(4_000_000)]]));
    for (let i = 0; i < 4; i++) await assert.rejects(source.open(never), isSourceFailed);
    assert.ok(diskBytes(mirror) < 4_000_000, `${diskBytes(mirror)}`);

    const roomy = gitSource(options);
    await everyFile(roomy, fleet);
    fleet.pass(60);
    await fleet.signHead();
    forge.push(fleet.files);
    writeFileSync(join(mirror, 'refs', 'nixfleet', 'releases.lock'), '');
    await assert.rejects(roomy.open(never), isSourceFailed);
    await everyFile(roomy, fleet);
  });

  test('a control plane over it', async () => {
    const forge = new Forge('whole');
    const mirror = join(root, 'whole-mirror.git');
    await using fixture = await Fixture.start();
    forge.push(fixture.fleet.files);
    const source = gitSource({ url: forge.bare, branch: 'releases', path: 'releases', mirror, clock: systemClock });
    await using snapshot = await source.open(never);
    const copied = new Map<string, Uint8Array>();
    for (const path of fixture.fleet.files.keys()) {
      const bytes = await snapshot.read(path, 1_000_000);
      assert.ok(bytes);
      copied.set(path, bytes);
    }
    assert.deepEqual(copied, new Map(fixture.fleet.files));
  });
});

describe('local directory', () => {
  test('every file; a large one and one that cannot be read are faults', async () => {
    const fleet = await aFleet();
    const directory = join(root, 'directory');
    write(directory, fleet.files);
    const source = directorySource({ path: directory });
    await everyFile(source, fleet);
    await using snapshot = await source.open(never);
    assert.deepEqual(await snapshot.holds?.(), [], 'a folder that is not there');
    await fleet.hold('stable');
    write(directory, fleet.files);
    await everyFile(source, fleet);
    await assert.rejects(snapshot.read('head.json', 10), isSourceFailed);
    rmSync(join(directory, 'head.json'));
    symlinkSync('head.json', join(directory, 'head.json'));
    await assert.rejects(snapshot.read('head.json', 1000), isSourceFailed, 'a loop of links');
    chmodSync(directory, 0o700);
  });
});

describe('web directory', () => {
  test('every file; what is too large, slow to fail or no success is a fault', async () => {
    const fleet = await aFleet();
    const server = createServer((request, response) => {
      const path = (request.url ?? '').replace('/x/releases/', '');
      const bytes = fleet.files.get(path);
      if (path === 'trust/500.json') response.writeHead(500).end();
      else if (path === 'trust/501.json')
        response.writeHead(200, { 'transfer-encoding': 'chunked' }).end('x'.repeat(2000));
      else if (path === 'trust/502.json') request.socket.destroy();
      else if (!bytes) response.writeHead(path === 'trust/999.json' ? 404 : 403).end();
      else response.writeHead(200).end(bytes);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    try {
      const source = httpsSource({ url: `http://127.0.0.1:${port}/x/releases`, clock: systemClock });
      await everyFile(source, fleet);
      await using snapshot = await source.open(never);
      for (const path of ['trust/500.json', 'trust/501.json', 'trust/502.json']) {
        await assert.rejects(snapshot.read(path, 1000), isSourceFailed, path);
      }
    } finally {
      server.closeAllConnections();
      server.close();
    }
    const gone = await httpsSource({ url: `http://127.0.0.1:${port}/`, clock: systemClock }).open(never);
    await assert.rejects(gone.read('head.json', 1000), isSourceFailed);
  });
});
