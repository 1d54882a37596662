import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { HealthCheck, type StorePath } from '@nixfleet/contracts';
import type { HostInput } from '@nixfleet/engine';
import { MemoryHost } from './agent-world.test.ts';
import { hostProbes } from './host-probes.ts';
import { probe, probeBytesMax } from './probe.ts';
import { runProbes } from './probe-runner.ts';
import { systemClock } from './system-clock.ts';

const server = createServer((request, response) => {
  if (request.url === '/slow') return;
  if (request.url === '/long') response.write('x'.repeat(probeBytesMax + 1));
  if (request.url === '/moved') response.writeHead(302, { location: '/' });
  else if (request.url === '/sick') response.writeHead(500);
  response.end('ok');
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const { port } = server.address() as AddressInfo;
const directory = mkdtempSync(join(tmpdir(), 'nixfleet-probe-'));
after(() => {
  server.closeAllConnections();
  server.close();
  rmSync(directory, { recursive: true });
});

class Machine extends MemoryHost {
  override readonly environment = { PATH: process.env.PATH ?? '', MARK: 'here' };
  override locate = (path: string): string => (path.startsWith('/nix/store/') ? join(directory, path.slice(44)) : path);
}

async function run(check: object): Promise<string> {
  const deps = { host: new Machine(), clock: systemClock, signal: new AbortController().signal };
  const { status, detail } = await probe(HealthCheck.parse({ timeoutSeconds: 1, ...check }), deps);
  return detail === undefined ? status : `${status}: ${detail}`;
}

test('http: the declared status passes; anything else, silence and too much fail', async () => {
  const http = (path: string, more: object = {}) =>
    run({ kind: 'http', url: `http://127.0.0.1:${port}${path}`, ...more });
  assert.equal(await http('/'), 'pass');
  assert.match(await http('/sick'), /^fail: .*expected status 200, got 500$/);
  assert.equal(await http('/sick', { expectStatus: 500 }), 'pass');
  assert.match(await http('/moved'), /got 302$/, 'redirects are not followed');
  assert.match(await http('/slow'), /^fail: not done within 1 s$/);
  assert.match(await http('/long'), /^fail: .*more than 1048576 bytes$/);
  assert.match(await run({ kind: 'http', url: 'http://127.0.0.1:1/' }), /^fail: .*ECONNREFUSED/);
});

test('tcp: whether somebody listens', async () => {
  assert.equal(await run({ kind: 'tcp', port }), 'pass');
  assert.match(await run({ kind: 'tcp', port: 1 }), /^fail: 127\.0\.0\.1:1: .*ECONNREFUSED/);
});

test('exec: exit 0 passes, without a shell, bounded in time and output', async () => {
  const sh = (script: string) => run({ kind: 'exec', command: ['/bin/sh', '-c', script] });
  assert.equal(await sh('test "$MARK" = here'), 'pass');
  assert.match(await sh('echo why; exit 3'), /^fail: \/bin\/sh: exit 3: why$/);
  assert.match(await sh('sleep 60'), /^fail: .*not done within 1 s$/);
  assert.match(await sh('while :; do echo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; done'), /^fail/);
  assert.match(await run({ kind: 'exec', command: ['/no/such/program'] }), /^fail: .*ENOENT/);
});

test('credentials of a probed URL stay out of what is told', async () => {
  const told = await run({ kind: 'http', url: `http://me:hunter2@127.0.0.1:${port}/none`, expectStatus: 299 });
  assert.match(told, /^fail: .*expected status 299/);
  assert.ok(!told.includes('hunter2'), told);
});

test('a kind that this backend does not have fails', async () => {
  assert.match(await run({ kind: 'systemd' }), /^fail: .*needs a backend/);
});

const closure = `/nix/store/${'0'.repeat(32)}-system` as StorePath;

async function inputsOf(text: string | null, count: number): Promise<HostInput[]> {
  const inputs: HostInput[] = [];
  const over = new AbortController();
  class Declared extends Machine {
    override locate = (path: string): string => path.replace(closure, join(directory, 'system'));
  }
  const declared = join(directory, 'system/etc/nixfleet');
  mkdirSync(declared, { recursive: true });
  rmSync(join(declared, 'health-checks.json'), { force: true });
  if (text !== null) writeFileSync(join(declared, 'health-checks.json'), text);
  const running = runProbes(
    { id: 7, closure, compliance: null },
    {
      gate: { open: async () => null },
      probes: hostProbes({ host: new Declared(), clock: systemClock }),
      clock: systemClock,
      signal: over.signal,
      emit: (input) => {
        inputs.push(input);
        if (inputs.length >= count) over.abort();
      },
    },
  );
  await running.catch((error: unknown) => assert.ok(over.signal.aborted, String(error)));
  return inputs;
}

test('checks come from the closure: enforced ones are named, disabled ones never run', async () => {
  const checks = {
    observed: { kind: 'tcp', port, mode: 'observe', intervalSeconds: 1 },
    off: { kind: 'tcp', port, mode: 'disabled' },
    web: { kind: 'http', url: `http://127.0.0.1:${port}/`, intervalSeconds: 1 },
  };
  const [known, ...probes] = await inputsOf(JSON.stringify({ schemaVersion: 1, checks }), 5);
  assert.deepEqual(known, { type: 'checks-known', id: 7, enforced: ['web'] });
  const seen = probes.map((input) =>
    input.type === 'probe' ? `${input.check} ${input.status} ${input.mode}` : input.type,
  );
  assert.deepEqual([...new Set(seen)].sort(), ['observed pass observe', 'web pass enforce']);
  assert.equal(seen.length, 4, 'repeated at their interval');
});

test('no declaration: no probes; one that cannot be read fails at once', async () => {
  assert.deepEqual(await inputsOf(null, 1), [{ type: 'checks-known', id: 7, enforced: [] }]);
  for (const text of [
    '{',
    '{"schemaVersion":2,"checks":{}}',
    '{"schemaVersion":1,"checks":{"web":{"kind":"magic"}}}',
  ]) {
    const [known, failed] = await inputsOf(text, 2);
    assert.ok(known?.type === 'checks-known' && known.enforced.length === 1);
    assert.ok(failed?.type === 'probe' && failed.status === 'fail' && failed.failureThreshold === 1, text);
  }
});
