import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type FetchBounds, type FetchProgress, metadataBytesMax, NixLog } from './nix-log.ts';

const path = '/nix/store/12rv96svfhy235bpyfk8dc5s8khgay76-blob';
/** As Nix 2.8 printed it for a path of 3 MB. */
const recorded = [
  '@nix {"action":"msg","level":3,"msg":"this path will be fetched (2.86 MiB download, 2.86 MiB unpacked):"}',
  '@nix {"action":"start","id":25104083845122,"level":0,"text":"","type":102}',
  '@nix {"action":"start","id":25104083845124,"level":0,"text":"","type":103}',
  '@nix {"action":"result","fields":[0,1,0,0],"id":25104083845124,"type":105}',
  '@nix {"action":"result","fields":[101,3000112],"id":25104083845122,"type":106}',
  '@nix {"action":"result","fields":[100,3000112],"id":25104083845122,"type":106}',
  `@nix {"action":"start","fields":["${path}","https://cache.example.org","local"],"id":7,"level":3,"text":"copying path '${path}' from 'https://cache.example.org'","type":100}`,
  '@nix {"action":"result","fields":[65536,3000112,0,0],"id":7,"type":105}',
  '@nix {"action":"result","fields":[2949120,3000112,0,0],"id":7,"type":105}',
  '@nix {"action":"stop","id":7}',
  '@nix {"action":"result","fields":[1,1,0,0],"id":25104083845124,"type":105}',
];

function read(lines: readonly string[], bytesPerChunk = 4096) {
  const progress: FetchProgress[] = [];
  const log = new NixLog((now) => progress.push(now));
  const bytes = Buffer.from(`${lines.join('\n')}\n`);
  let said = '';
  for (let at = 0; at < bytes.length; at += bytesPerChunk) {
    said += Buffer.from(log.take(bytes.subarray(at, at + bytesPerChunk))).toString();
  }
  return { progress, said };
}

test('how far a fetch is, whatever the pieces in which the log comes', () => {
  for (const bytesPerChunk of [1, 7, 4096]) {
    const { progress, said } = read(recorded, bytesPerChunk);
    assert.deepEqual(progress.at(-1), { doneBytes: 3000112, totalBytes: 3000112 });
    assert.ok(progress.some(({ doneBytes }) => doneBytes === 65536));
    assert.equal(
      said,
      `this path will be fetched (2.86 MiB download, 2.86 MiB unpacked):\ncopying path '${path}' from 'https://cache.example.org'\n`,
    );
  }
});

test('several copies at once are added up, with those that are over', () => {
  const start = (id: number) => `@nix {"action":"start","id":${id},"level":4,"text":"","type":100}`;
  const at = (id: number, bytes: number) => `@nix {"action":"result","fields":[${bytes},50],"id":${id},"type":105}`;
  const all = '@nix {"action":"result","fields":[100,100],"id":1,"type":106}';
  const { progress } = read([
    all,
    start(7),
    start(8),
    at(7, 40),
    at(8, 20),
    '@nix {"action":"stop","id":7}',
    at(8, 30),
  ]);
  assert.deepEqual(
    progress.map(({ doneBytes }) => doneBytes),
    [0, 40, 60, 80],
  );
});

test('an error is what people would have read; what cannot be read is shown as it is and is no progress', () => {
  const error = '@nix {"action":"msg","level":0,"msg":"error: path lacks a signature by a trusted key"}';
  const garbled = ['plain text', '@nix {"action":', '@nix []', '@nix {"action":"result","fields":"x","type":105}'];
  const { progress, said } = read([error, ...garbled]);
  assert.deepEqual(progress, []);
  assert.equal(said, 'error: path lacks a signature by a trusted key\nplain text\n@nix {"action":\n');
});

const copy = (id: number, name = path) =>
  `@nix {"action":"start","fields":["${name}","https://cache.example.org","local"],"id":${id},"level":3,"text":"","type":100}`;
const download = (id: number, address: string) =>
  `@nix {"action":"start","fields":["https://cache.example.org/${address}"],"id":${id},"level":4,"text":"","type":101}`;
const told = (id: number, done: number, whole: number) =>
  `@nix {"action":"result","fields":[${done},${whole},0,0],"id":${id},"type":105}`;
const stop = (id: number) => `@nix {"action":"stop","id":${id}}`;

function excessOf(lines: readonly string[], bounds: Partial<FetchBounds> = {}): string | undefined {
  const found: string[] = [];
  const log = new NixLog(() => {}, {
    bounds: { unpackedBytesMax: null, bounded: 'descriptions', ...bounds },
    onExcess: (detail) => found.push(detail),
  });
  log.take(Buffer.from(`${lines.join('\n')}\n`));
  return found[0];
}

test('an archive that is longer than its description says is too much', () => {
  assert.equal(excessOf([copy(7), told(7, 65536, 65536), stop(7)]), undefined);
  const more = [copy(7), told(7, 65536, 70000), told(7, 131072, 70000)];
  assert.equal(excessOf(more), `${path}: expected the 70000 bytes that the cache says it has, got more`);
});

test('all paths together are bounded by what was signed, and one that is fetched again counts once', () => {
  const lines = [copy(7), told(7, 60, 100), stop(7), copy(8), told(8, 100, 100), stop(8)];
  assert.equal(excessOf(lines, { unpackedBytesMax: 100 }), undefined);
  const others = [copy(7), told(7, 60, 100), copy(8, `${path}-2`), told(8, 41, 100)];
  assert.match(excessOf(others, { unpackedBytesMax: 100 }) ?? '', /more than the 100 bytes that were signed/);
  assert.equal(excessOf(others), undefined, 'nobody signed a size');
});

test('what Nix keeps in its memory is bounded, and archives only where they are kept there, too', () => {
  const pour = (address: string) => [download(7, address), told(7, metadataBytesMax + 1, 0)];
  for (const address of ['12rv96svfhy235bpyfk8dc5s8khgay76.narinfo', '12rv.ls', 'nix-cache-info']) {
    assert.match(excessOf(pour(address)) ?? '', /expected at most 4194304 bytes, got more/, address);
  }
  assert.equal(excessOf(pour('nar/12rv.nar.xz')), undefined);
  assert.match(excessOf(pour('nar/12rv.nar.xz'), { bounded: 'all' }) ?? '', /nar\.xz: expected at most/);
});

test('what moves is what is unpacked for the first time, and what comes to its end', () => {
  const log = new NixLog(() => {});
  const take = (...lines: string[]): number => {
    log.take(Buffer.from(`${lines.join('\n')}\n`));
    return log.movedBytes;
  };
  assert.equal(take(copy(7), told(7, 1000, 2000)), 1000);
  assert.equal(take(copy(8), told(8, 1000, 2000)), 1000, 'the same from elsewhere');
  assert.equal(take(told(8, 1500, 2000)), 1500);
  assert.equal(take(download(9, 'x.narinfo'), told(9, 10, 0)), 1500, 'a byte now and then');
  assert.equal(take(stop(9), stop(8)), 1500 + 2 * 65536);
});
