import assert from 'node:assert/strict';
import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { addSeconds } from '@nixfleet/contracts';
import { nodeCrypto } from '@nixfleet/contracts/node-crypto';
import { checkDerived, verifyPacket } from '@nixfleet/evidence';
import { runNixfleet } from '../testing/run-nixfleet.ts';
import { remanifest } from './changed-packet.test.ts';
import { writeEvidenceArchive } from './evidence-archive.ts';
import { filesOf, openPacket } from './open-packet.ts';
import { PacketLab, web } from './packet-lab.test.ts';
import { packetPorts } from './packet-ports.ts';
import { writeZip } from './zip.ts';

/** Bits that every test of a flipped byte flips. */
const flipped = 0x01;

describe('the forms of a packet', () => {
  let lab: PacketLab;
  let folder: string;
  let archive: string;

  before(async () => {
    lab = await PacketLab.create();
    folder = (await lab.create()).output;
    archive = lab.at('packet.zip');
    const made = await create(['--output', archive]);
    assert.equal(made.code, 0, made.stderr);
  });
  after(() => rm(lab.root, { recursive: true, force: true }));

  const create = (more: readonly string[], options: Parameters<typeof runNixfleet>[1] = {}) =>
    runNixfleet(
      [
        ...['compliance', 'packet', 'create', '--from', lab.from, '--to', lab.to, '--evidence', lab.at('evidence')],
        ...['--releases', lab.at('releases'), '--trust', lab.at('trust-1.json'), '--drills', lab.at('drills')],
        ...['--source', lab.at('source.git'), ...more],
      ],
      options,
    );

  /** As the command does it, without the start of a process. */
  async function breaksOf(packet: string): Promise<readonly { readonly code: string; readonly where: string }[]> {
    const ctx = { crypto: nodeCrypto, fleet: lab.fleet.name };
    const start = new Uint8Array(await readFile(lab.at('trust-1.json')));
    const reader = await openPacket(packet);
    const found = await verifyPacket(ctx, reader, { start, ports: packetPorts(ctx) });
    if ('unreadable' in found) return [found.unreadable];
    return [...found.breaks, ...(await checkDerived(ctx, reader, found))];
  }

  test('an archive verifies as the folder does', async () => {
    const [one, two] = [await lab.verify(folder), await lab.verify(archive)];
    assert.equal(two.code, 4, two.stderr);
    assert.deepEqual(two.found, one.found);
  });

  test('however many threads, and from archives of a day: the same bytes', async () => {
    const expected = await readFile(archive);
    for (const jobs of ['1', '3']) {
      const output = lab.at(`jobs-${jobs}.zip`);
      const made = await create(['--output', output, '--jobs', jobs]);
      assert.equal(made.code, 0, made.stderr);
      assert.ok((await readFile(output)).equals(expected), `${jobs} threads`);
      assert.deepEqual((await lab.verify(output, '--jobs', jobs)).found, (await lab.verify(folder)).found);
    }
    const packed = lab.at('packed');
    await cp(lab.at('evidence'), packed, { recursive: true });
    const files = (await filesOf(join(packed, 'web-1'))).filter((name) => name.endsWith('.json'));
    async function* backwards() {
      for (const name of files.reverse()) {
        const path = join(packed, 'web-1', name);
        const beside = async (suffix: string) => readFile(`${path}.${suffix}`, 'utf8');
        const bytes = new Uint8Array(await readFile(path));
        yield { name: name.replace('/', '-'), bytes, sig: await beside('sig'), sshsig: await beside('sshsig') };
      }
    }
    await writeEvidenceArchive(join(packed, 'web-1', 'all.tar.zst'), backwards());
    for (const name of files) await rm(dirname(join(packed, 'web-1', name)), { recursive: true, force: true });
    const output = lab.at('from-archives.zip');
    const made = await create(['--evidence', packed, '--output', output]);
    assert.equal(made.code, 0, made.stderr);
    assert.ok((await readFile(output)).equals(expected));
  });

  test('what is there already is left alone', async () => {
    for (const output of [archive, folder]) {
      const { code, stderr } = await create(['--output', output]);
      assert.equal(code, 2);
      assert.match(stderr, /^nixfleet: [^\n]+\n$/);
    }
    assert.equal((await create(['--output', lab.at('x'), '--jobs', '0'])).code, 2);
  });

  test('a thread’s failure is told in one line, and leaves nothing behind', async () => {
    const broken = lab.at('evidence-damaged');
    await cp(lab.at('evidence'), broken, { recursive: true });
    await writeFile(join(broken, 'db', 'day.tar.zst'), 'no archive');
    const before = await readdir(lab.root);
    for (const jobs of [['--jobs', '2'], []]) {
      const { code, stderr } = await create(['--evidence', broken, '--output', lab.at('failed.zip'), ...jobs]);
      assert.equal(code, 1);
      assert.match(stderr, /^nixfleet: .*db\/day\.tar\.zst: cannot be unpacked: .+\n$/m);
      assert.doesNotMatch(stderr, /bug/);
    }
    assert.deepEqual(await readdir(lab.root), before);
  });

  test('interrupted, it leaves nothing behind', async () => {
    const before = await readdir(lab.root);
    const run = await create(['--output', lab.at('stopped.zip'), '--jobs', '2'], {
      onStart(child) {
        const poll = setInterval(async () => {
          if (!(await readdir(lab.root)).some((name) => name.startsWith('stopped.zip.partial-'))) return;
          clearInterval(poll);
          child.kill('SIGINT');
        }, 5);
        child.once('close', () => clearInterval(poll));
      },
    });
    assert.equal(run.code, 130, run.stderr);
    assert.deepEqual(await readdir(lab.root), before);
  });

  test('every exit code', async () => {
    const { evidence, fleet } = lab;
    const from = fleet.now;
    // The head of the last release has run out.
    await fleet.signHead();
    for (const failing of [[], ['AL-01'], []]) {
      for (const [host, of] of evidence) {
        const signedBy = host === web ? { signedBy: 'host:web-1-new' } : {};
        const found = await of.collect({ ...signedBy, failing: host === web ? failing : [] });
        await lab.write(host, found);
      }
      fleet.pass(3600);
    }
    const packetOf = async (name: string, ...more: string[]) => {
      const output = lab.at(name);
      const hosts = [...evidence.keys()].flatMap((host) => ['--host', host]);
      const made = await create(['--output', output, '--from', from, ...hosts, ...more]);
      assert.equal(made.code, 0, made.stderr);
      return output;
    };
    const whole = await packetOf('codes', '--to', fleet.now);
    const short = await packetOf('codes-short', '--to', addSeconds(fleet.now, 86_400));
    const codeOf = async (packet: string, ...more: string[]) => (await lab.verify(packet, ...more)).code;
    assert.equal(await codeOf(whole), 0);
    assert.equal(await codeOf(whole, '--require-compliant'), 3, 'AL-01 failed once, and no waiver covers it');
    assert.equal(await codeOf(short), 4, 'nothing was collected on the last day');
    assert.equal(await codeOf(short, '--require-compliant'), 3);
    assert.equal(await codeOf(folder, '--require-compliant'), 4, 'its one failure is waived');
    const broken = await lab.changed(whole, (copy) => writeFile(join(copy, 'extra'), 'x'));
    assert.equal(await codeOf(broken, '--require-compliant'), 1);
    assert.equal((await runNixfleet(['compliance', 'packet', 'verify', whole])).code, 2, 'nobody to trust');
    assert.equal((await lab.verify(lab.at('nowhere'))).code, 1);
  });

  test('a flipped byte is found in every kind of file, and named', async () => {
    for (const path of await oneOfEachKind(folder)) {
      const copy = await lab.changed(folder, (changed) => flip(join(changed, path)));
      const breaks = await breaksOf(copy);
      assert.ok(
        // A changed sum in the manifest is that of another file.
        breaks.some(({ where }) => where === path || path === 'manifest.json'),
        `${path}: ${JSON.stringify(breaks)}`,
      );
    }
  });

  test('a flipped byte is found by what the files say, too, where the manifest was made again', async () => {
    const codes: Readonly<Record<string, readonly string[]>> = {
      'README.md': ['report'],
      SHA256SUMS: ['report'],
      'index.html': ['report'],
      'drills/*.json': ['drill'],
      'drills/*.json.*.sshsig': ['drill'],
      'hosts/*/allowed_signers': ['report'],
      'hosts/*/evidence.tar.zst': ['file'],
      'hosts/*/journal.jsonl': ['journal'],
      'keys/*.pem': ['report'],
      'releases/fleet/*.json': ['release'],
      'releases/release/*.json': ['release'],
      'releases/release/*.json.*.sig': ['release'],
      'releases/reports/*.json': ['release', 'file'],
      'releases/rollouts/*.json': ['release-unverified', 'file'],
      'source/*': ['commit'],
    };
    for (const path of await oneOfEachKind(folder)) {
      const kind = kindOf(path);
      // Trust 1 is what the reader brings.
      if (kind === 'manifest.json' || kind.startsWith('releases/trust/')) continue;
      const copy = await lab.changed(folder, async (changed) => {
        await flip(join(changed, path));
        await remanifest(changed, { keepsSums: kind === 'SHA256SUMS' });
      });
      const found = (await breaksOf(copy)).map(({ code }) => code);
      assert.ok(
        codes[kind]?.some((code) => found.includes(code)),
        `${path} (${kind}): ${found.join(', ')}`,
      );
    }
  });

  describe('a hostile archive is refused', () => {
    const cases: readonly (readonly [string, (bytes: Buffer) => Buffer, RegExp])[] = [
      ['cut short', (bytes) => bytes.subarray(0, -1), /no zip archive/],
      ['something before it', (bytes) => Buffer.concat([Buffer.from('x'), bytes]), /its end is not the end/],
      ['something behind it', (bytes) => Buffer.concat([bytes, Buffer.from('x')]), /no zip archive/],
      [
        'more entries than there are',
        (bytes) => edited(bytes, bytes.length - 12, 0xff),
        /its end is not the end|directory/,
      ],
      ['compressed', (bytes) => edited(bytes, centralOf(bytes) + 10, 8), /not a plain stored file/],
      ['encrypted', (bytes) => edited(bytes, centralOf(bytes) + 8, 1), /not a plain stored file/],
      ['a link', (bytes) => edited(bytes, centralOf(bytes) + 41, 0xa1), /not a plain stored file/],
      [
        'a larger size than there is',
        (bytes) => edited(bytes, centralOf(bytes) + 23, 0x7f),
        /not a plain|reaches beyond/,
      ],
      ['a name above its folder', (bytes) => renamed(bytes, '../DME.md'), /is none of a packet/],
      ['an absolute name', (bytes) => renamed(bytes, '/EADME.md'), /is none of a packet/],
      ['a backslash', (bytes) => renamed(bytes, 'REA\\ME.md'), /is none of a packet/],
      ['a name that stands twice', (bytes) => doubled(bytes), /stands twice/],
      ['two headers that differ', (bytes) => edited(bytes, 10, 1), /its two headers differ/],
      ['a flipped byte of a file', (bytes) => edited(bytes, 40, flipped ^ (bytes[40] ?? 0)), /checksum is wrong/],
      ['no archive', () => Buffer.from('PK'), /no zip archive/],
      ['an archive of nothing', () => Buffer.alloc(0), /no zip archive/],
    ];
    for (const [name, change, why] of cases) {
      test(name, async () => {
        const path = lab.at('hostile.zip');
        await writeFile(path, change(await readFile(archive)));
        const reader = async () => breaksOf(path);
        await assert.rejects(reader, (error: Error) => why.test(error.message) || assert.fail(error.message));
      });
    }

    test('every byte of its headers counts', async () => {
      const small = lab.at('small');
      await mkdir(small, { recursive: true });
      await writeFile(join(small, 'a'), 'one');
      await writeFile(join(small, 'b'), 'two');
      await rm(lab.at('small.zip'), { force: true });
      const signal = new AbortController().signal;
      await writeZip(lab.at('small.zip'), { directory: small, names: ['a', 'b'], signal });
      const bytes = await readFile(lab.at('small.zip'));
      for (let at = 0; at < bytes.length; at++) {
        const path = lab.at('small-changed.zip');
        await writeFile(path, edited(bytes, at, flipped ^ (bytes[at] ?? 0)));
        const digests = async () => {
          const reader = await openPacket(path);
          const names = await reader.list();
          for (const name of names) await reader.digest(name);
          return names.join();
        };
        // A changed name is another file, which the manifest of a packet does not have.
        const outcome = await digests().catch(() => 'refused');
        assert.notEqual(outcome, 'a,b', `byte ${at}`);
      }
    });
  });
});

/** One path of each kind: names of hosts, hashes and numbers do not matter. */
async function oneOfEachKind(directory: string): Promise<readonly string[]> {
  const kinds = new Map<string, string>();
  for (const path of await filesOf(directory)) kinds.set(kindOf(path), path);
  return [...kinds.values()];
}

function kindOf(path: string): string {
  return path
    .replaceAll(/[0-9a-f]{40,64}/g, '*')
    .replace(/^hosts\/[^/]+/, 'hosts/*')
    .replace(/D-\d{4}-\d{4}/, '*');
}

async function flip(path: string): Promise<void> {
  const bytes = await readFile(path);
  const middle = bytes.length >> 1;
  bytes[middle] = (bytes[middle] ?? 0) ^ flipped;
  await writeFile(path, bytes);
}

function edited(bytes: Buffer, at: number, value: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[at] = value;
  return copy;
}

function centralOf(bytes: Buffer): number {
  return bytes.readUInt32LE(bytes.length - 6);
}

/** Gives the first file, README.md, another name of the same length in both headers. */
function renamed(bytes: Buffer, name: string): Buffer {
  const copy = Buffer.from(bytes);
  copy.write(name, 30, 'latin1');
  copy.write(name, centralOf(bytes) + 46, 'latin1');
  return copy;
}

/** The second entry of the directory becomes the first once more. */
function doubled(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  const first = centralOf(bytes);
  const length = 46 + copy.readUInt16LE(first + 28);
  assert.ok(copy.readUInt16LE(first + length + 28) >= length - 46, 'the second name is as long');
  copy.copy(copy, first + length, first, first + length);
  return copy;
}
