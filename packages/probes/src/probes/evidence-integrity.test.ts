import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { test } from 'node:test';
import { formatOpensshPublicLine } from '@nixfleet/contracts';
import { type RecordedFile, type Recording, recordedAtMs, verdict } from '../recorded-machine.test.ts';
import { sha256Hex } from '../sha256.ts';
import { evidenceIntegrity } from './evidence-integrity.ts';

const keyFile = '/etc/ssh/ssh_host_ed25519_key.pub';
const first = recordedAtMs - 7200_000;

interface Key {
  readonly line: string;
  readonly privateKey: KeyObject;
}

function newKey(): Key {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const raw = new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }).subarray(-32));
  return { line: formatOpensshPublicLine({ algorithm: 'ed25519', raw }), privateKey };
}

const own = newKey();

/** An archive as the collector writes it, an hour between two documents. */
class Archive {
  readonly files: Record<string, RecordedFile> = {
    [keyFile]: own.line,
    '/e': { kind: 'directory' },
    '/run/current-system': { link: '/nix/store/x', modifiedMs: first },
  };
  #sha256 = '0'.repeat(64);
  #atMs = first;

  add(sequence: number, { chain = 'a'.repeat(32), previous = this.#sha256, key = own, more = {} } = {}): this {
    const collectedAt = new Date(this.#atMs).toISOString().replace('.000', '');
    this.#atMs += 3_600_000;
    const text = JSON.stringify({ ...more, chain, collectedAt, previousSha256: previous, sequence });
    this.#sha256 = sha256Hex(text);
    const at = `/e/archive/${collectedAt.replaceAll(/[-:]/g, '')}-${chain.slice(0, 8)}-${String(sequence).padStart(10, '0')}.json`;
    this.files[at] = text;
    this.files[`${at}.sig`] = sign(null, Buffer.from(text), key.privateKey).toString('base64');
    this.files[`${at}.sshsig`] = 'armoured';
    this.files['/e/evidence.json'] = text;
    return this;
  }

  /** The clock is where it was in the beginning, and a little later. */
  startAgain(): void {
    this.#atMs = first + 1000;
  }

  /** The path of the newest document that ends so. */
  at(suffix = '.json'): string {
    return Object.keys(this.files).findLast((path) => path.startsWith('/e/archive/') && path.endsWith(suffix)) ?? '';
  }
}

function ask(
  archive: Archive,
  { more = {}, args = [] }: { more?: Recording; args?: readonly string[] } = {},
): Promise<string> {
  return verdict(
    evidenceIntegrity,
    { files: archive.files, nowMs: first + 3_700_000, ...more },
    '--directory',
    '/e',
    ...args,
  );
}

const three = (): Archive => new Archive().add(1).add(2).add(3);
const late = (seconds: number): Recording => ({ nowMs: recordedAtMs + seconds * 1000 });

test('before the first collection nothing is wrong, and after it neither', async () => {
  const all = ['--max-age-seconds', '7200', '--free-megabytes-min', '10'];
  assert.equal(await ask(new Archive(), { args: all }), 'compliant');
  assert.equal(await ask(new Archive().add(1), { args: all }), 'compliant');
  assert.equal(await ask(three(), { more: late(60), args: all }), 'compliant');
});

test('age counts while the running system runs, and only then', async () => {
  const age = ['--look', 'age', '--max-age-seconds', '7200'];
  assert.equal(await ask(three(), { more: late(7260), args: age }), 'old');
  const again = three();
  again.files['/run/current-system'] = { link: '/nix/store/y', modifiedMs: recordedAtMs + 7000_000 };
  assert.equal(
    await ask(again, { more: late(7260), args: age }),
    'compliant',
    'it was off, or nothing was asked of it',
  );
  assert.equal(await ask(new Archive(), { more: late(7260), args: age }), 'old', 'it runs for long, and nothing came');
  assert.equal(await ask(three(), { more: late(-3700), args: age }), 'future');
});

test('a chain with a hole, another predecessor, a document less, and one that cannot be read', async () => {
  const chain = ['--look', 'chain'];
  const at = { more: late(60), args: chain };
  assert.equal(await ask(new Archive().add(1).add(3), at), 'gap');
  assert.equal(await ask(new Archive().add(1).add(2, { previous: 'f'.repeat(64) }), at), 'broken-chain');
  assert.equal(await ask(new Archive().add(1).add(1, { chain: 'b'.repeat(32) }), at), 'compliant', 'reinstalled');
  const ahead = new Archive().add(1).add(2);
  ahead.startAgain();
  const onward = ahead.add(3).add(4);
  assert.equal(await ask(onward, at), 'compliant', 'a clock was put back');
  const gone = three();
  delete gone.files[gone.at()];
  assert.equal(await ask(gone, at), 'missing');
  const torn = three();
  torn.files[torn.at()] = '{';
  assert.equal(await ask(torn, at), 'unreadable missing');
  const damaged = three();
  for (const left of ['{"half', String(damaged.files['/e/evidence.json']).replace('{', '{"trigger":"drill",')]) {
    damaged.files['/e/evidence.json'] = left;
    assert.equal(await ask(damaged, at), 'missing', 'nothing says that a drill left it');
  }
  const drilled = three().add(4, { more: { trigger: 'drill' } });
  assert.equal(await ask(drilled, at), 'compliant', 'one that failed as told at runtime is true and kept');
  const old = new Archive();
  for (const sequence of [1, 3, 4, 5, 6]) old.add(sequence);
  assert.equal(await ask(old, at), 'gap');
  assert.equal(await ask(old, { ...at, args: [...chain, '--recent', '3'] }), 'compliant', 'told long ago');
});

test('what a drill left in the place of the newest document is not looked at, but what it took aside', async () => {
  const at = { more: late(60), args: ['--look', 'chain'] };
  const drilled = (left: string): Archive => {
    const archive = three();
    archive.files['/e/drill/evidence.json'] = archive.files['/e/evidence.json'] ?? '';
    archive.files['/e/drill/falsified'] = sha256Hex(left);
    archive.files['/e/evidence.json'] = left;
    return archive;
  };
  assert.equal(await ask(drilled('{"half'), at), 'compliant');
  const other = drilled('{"half');
  other.files['/e/evidence.json'] = '{"another half';
  assert.equal(await ask(other, at), 'missing', 'the mark is of something else');
  const gone = drilled('{"half');
  delete gone.files[gone.at()];
  assert.equal(await ask(gone, at), 'missing');
  const first = drilled('{"half');
  delete first.files['/e/drill/evidence.json'];
  assert.equal(await ask(first, at), 'compliant', 'nothing lay there before');
});

test('a signature of other bytes, of another key, of an undeclared one, and none', async () => {
  const signature = ['--look', 'signature'];
  const declared = (key: Key) => ({ more: late(60), args: [...signature, '--public-key', key.line] });
  const other = newKey();
  assert.equal(await ask(three(), declared(own)), 'compliant');
  assert.equal(await ask(three(), declared(other)), 'undeclared-key bad-signature');
  const rotated = three().add(4, { key: other });
  rotated.files[keyFile] = other.line;
  const both = { more: late(3700), args: [...signature, '--public-key', `${own.line}\n${other.line}`] };
  assert.equal(await ask(rotated, both), 'compliant');
  assert.equal(await ask(three().add(4, { key: other }), { more: late(3700), args: signature }), 'bad-signature');
  const changed = three();
  changed.files[changed.at()] = String(changed.files[changed.at()]).replace('"sequence":3', '"sequence":4');
  assert.equal(await ask(changed, declared(own)), 'bad-signature');
  for (const suffix of ['.sig', '.sshsig']) {
    const bare = three();
    delete bare.files[bare.at(suffix)];
    assert.equal(await ask(bare, declared(own)), 'unsigned', suffix);
  }
  const nameless = three();
  delete nameless.files[keyFile];
  assert.equal(await ask(nameless, { more: late(60), args: signature }), 'error unreadable');
  nameless.files[keyFile] = 'ssh-rsa AAAA';
  assert.equal(await ask(nameless, { more: late(60), args: signature }), 'error malformed');
});

test('space', async () => {
  const space = ['--look', 'space', '--free-megabytes-min', '256'];
  assert.equal(await ask(three(), { more: { freeBytes: 255 * 1024 * 1024 }, args: space }), 'space');
  assert.equal(await ask(three(), { more: { freeBytes: 256 * 1024 * 1024 }, args: space }), 'compliant');
});
