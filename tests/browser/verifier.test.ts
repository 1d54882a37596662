import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { releasePath } from '@nixfleet/contracts';
import { createTestFleet } from '@nixfleet/testkit';
import { build } from 'esbuild';
import { type Browser, chromium, type Page } from 'playwright-core';
import type { SerialisedTree, verifyTree } from './page.ts';
import type { runVectors, VectorFiles } from './vectors-page.ts';

const executablePath = process.env.NIXFLEET_CHROMIUM ?? '/usr/bin/chromium';
const quiet = ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking'];

let scripts = '';
let browser: Browser;
let page: Page;
const server = createServer((_request, response) => {
  response.setHeader('content-type', 'text/html; charset=utf-8');
  response.end(`<!doctype html><title>verifier</title>${scripts}`);
});

before(async () => {
  assert.ok(
    existsSync(executablePath),
    'Chromium is needed: apt-get install chromium, or name it in NIXFLEET_CHROMIUM',
  );
  const bundle = await build({
    entryPoints: ['page.ts', 'vectors-page.ts'].map((name) => fileURLToPath(new URL(name, import.meta.url))),
    outdir: 'in-memory',
    bundle: true,
    format: 'esm',
    // Fails on any import of Node: what is bundled is what a browser can run.
    platform: 'browser',
    write: false,
  });
  for (const { text } of bundle.outputFiles) {
    scripts += `<script type="module">${text.replaceAll('</script', '<\\/script')}</script>`;
  }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  browser = await chromium.launch({ executablePath, args: [...quiet, '--disable-component-update', '--disable-sync'] });
  page = await browser.newPage();
  // WebCrypto needs a secure context; loopback is one.
  await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
});
after(async () => {
  await browser?.close();
  server.close();
});

function verifyInBrowser(files: ReadonlyMap<string, Uint8Array>, now: string): ReturnType<typeof verifyTree> {
  const tree: SerialisedTree = Object.fromEntries([...files].map(([path, bytes]) => [path, [...bytes]]));
  return page.evaluate(
    ([sent, at]) => (globalThis as unknown as { verifyTree: typeof verifyTree }).verifyTree(sent, at),
    [tree, now] as const,
  );
}

test('the verifiers walk a release in a browser, to the same rollouts as in Node', async () => {
  const fleet = await createTestFleet();
  const { manifests } = await fleet.publish();
  const expected = Object.fromEntries([...manifests].map(([channel, { rolloutId }]) => [channel, rolloutId]));
  assert.deepEqual(await verifyInBrowser(fleet.files, fleet.now), expected);
});

test('and refuse there for the same reasons', async () => {
  const fleet = await createTestFleet();
  const { manifests } = await fleet.publish();
  const flipped = (path: string): Map<string, Uint8Array> => {
    const files = new Map(fleet.files);
    const bytes = Uint8Array.from(files.get(path) ?? []);
    bytes[bytes.length - 3] = (bytes[bytes.length - 3] ?? 0) ^ 1;
    return files.set(path, bytes);
  };
  const [manifest] = manifests.values();
  assert.equal(await verifyInBrowser(flipped(`rollouts/${manifest?.rolloutId}.json`), fleet.now), 'hash-mismatch');
  assert.equal(
    await verifyInBrowser(flipped(releasePath(fleet.headDocument.release.sha256)), fleet.now),
    'hash-mismatch',
  );
  assert.equal(await verifyInBrowser(fleet.files, '2026-07-01T00:00:00Z'), 'expired');
  const unsigned = new Map([...fleet.files].filter(([path]) => !/^head\.json\.\w+\.sig$/.test(path)));
  assert.equal(await verifyInBrowser(unsigned, fleet.now), 'too-few-signers');
});

test('every vector has its verdict in a browser too', async () => {
  const read = (name: string) =>
    JSON.parse(readFileSync(new URL(`../../vectors/${name}.json`, import.meta.url), 'utf8'));
  const files: VectorFiles = {
    canonical: read('canonical-json'),
    signatures: read('signatures'),
    sshsig: read('sshsig'),
  };
  const verdicts = await page.evaluate(
    (sent) => (globalThis as unknown as { runVectors: typeof runVectors }).runVectors(sent),
    files,
  );
  assert.deepEqual(verdicts, [
    ...files.canonical.cases.map(({ name, canonical }) => `canonical ${name}: ${canonical}`),
    ...files.signatures.cases.map(
      ({ name, valid, refusedBeforeTheEquation: refused }) => `signature ${name}: valid ${valid}, strict ${!refused}`,
    ),
    ...files.sshsig.cases.map(({ name, expected }) => `sshsig ${name}: ${expected}`),
  ]);
});
