import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type FetchProgress, NixLog } from './nix-log.ts';

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
