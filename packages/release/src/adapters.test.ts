import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, test } from 'node:test';
import type { StorePath } from '@nixfleet/contracts';
import { systemClock } from '@nixfleet/contracts/node-clock';
import { accepted, FakeClock } from '@nixfleet/testkit';
import type { CommandRequest, CommandResult, Commands } from './commands.ts';
import { openCache } from './open-cache.ts';
import { systemCommands } from './system-commands.ts';
import { systemNix } from './system-nix.ts';

const path = (i: number) => `/nix/store/${String(i).padStart(32, '0')}-p` as StorePath;

describe('commands', () => {
  const commands = systemCommands({ clock: systemClock });
  const bounds = { timeoutMs: 60_000, stdoutBytesMax: 1000 };

  test('output, input, environment, lines, exit code', async () => {
    const lines: string[] = [];
    const script = 'cat; echo "$X"; echo one >&2; printf two >&2; exit 3';
    const result = await commands.run({
      file: 'sh',
      args: ['-c', script],
      stdin: 'in ',
      env: { X: 'x' },
      onStderrLine: (line) => lines.push(line),
      ...bounds,
    });
    assert.equal(new TextDecoder().decode(result.stdout), 'in x\n');
    assert.deepEqual(
      [result.outcome, result.exitCode, result.stderrTail, lines],
      ['exited', 3, 'one\ntwo', ['one', 'two']],
    );
  });

  test('one that prints too much is ended; its tail of errors is bounded', async () => {
    const endless = await commands.run({ file: 'yes', args: [], ...bounds });
    assert.equal(endless.outcome, 'too-much-output');
    assert.equal(endless.stdout.length <= 1000, true);
    const noisy = await commands.run({
      file: 'sh',
      args: ['-c', 'head -c 100000 /dev/zero | tr "\\0" e >&2'],
      ...bounds,
    });
    assert.equal(noisy.stderrTail.length, 4000);
  });

  test('one that is stopped ends, also before it starts; one that is not there is a fault', async () => {
    const abort = new AbortController();
    const onStart = () => abort.abort();
    const stopped = await commands.run({ file: 'sleep', args: ['600'], signal: abort.signal, onStart, ...bounds });
    assert.equal(stopped.outcome, 'aborted');
    assert.equal(
      (await commands.run({ file: 'sleep', args: ['600'], signal: abort.signal, ...bounds })).outcome,
      'aborted',
    );
    await assert.rejects(commands.run({ file: 'no-such-program', args: [], ...bounds }), { code: 'command' });
  });
});

describe('nix', () => {
  /** Answers like nix-store about a closure of so many paths. */
  function fakeNix(paths: readonly StorePath[], lost: StorePath | null = null) {
    const requests: CommandRequest[] = [];
    const entry = (one: string) => `${one}\n${'a'.repeat(64)}\n1\n\n0\n`;
    const commands: Commands = {
      async run(request): Promise<CommandResult> {
        requests.push(request);
        const asked = request.args.filter((arg) => arg.startsWith('/nix/store/'));
        const text = request.args.includes('--dump-db')
          ? asked.filter((one) => one !== lost).map(entry)
          : [paths.join('\n')];
        return { outcome: 'exited', exitCode: 0, stdout: new TextEncoder().encode(text.join('')), stderrTail: '' };
      },
    };
    return { requests, nix: systemNix({ commands, config: { store: '/s', options: { sandbox: 'false' } } }) };
  }

  test('a closure of 2,500 paths takes four processes, and every option goes with each', async () => {
    const { nix, requests } = fakeNix(Array.from({ length: 2500 }, (_, i) => path(i)));
    assert.equal(accepted(await nix.closureInfo(path(0))).length, 2500);
    assert.equal(requests.length, 4);
    for (const { args } of requests)
      assert.deepEqual(args.slice(0, 5), ['--store', '/s', '--option', 'sandbox', 'false']);
  });

  test('a path that is collected meanwhile is no smaller closure', async () => {
    const { nix } = fakeNix([path(1), path(2)], path(2));
    const result = await nix.closureInfo(path(1));
    assert.ok(!result.ok && result.detail.includes(path(2)));
  });

  test('warnings in place of JSON are a fault', async () => {
    const { nix } = fakeNix([]);
    const source = { kind: 'file', path: '/f.nix', directory: '/', attribute: [] } as const;
    await assert.rejects(nix.topology(source), { code: 'nix' });
  });
});

describe('a cache over HTTP', () => {
  const served = async (answer: (n: number) => { status: number; body: string }) => {
    let asked = 0;
    const server = createServer((_request, response) => {
      const { status, body } = answer(++asked);
      response.writeHead(status).end(body);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/base/`;
    return { url, server, asked: () => asked };
  };
  const end = (server: ReturnType<typeof createServer>) => {
    server.closeAllConnections();
    server.close();
  };

  test('a fault that passes is tried again, one that stays is named, 404 is an answer', async () => {
    const clock = new FakeClock();
    const immediately = {
      ...clockOf(clock),
      sleep: (ms: number, signal?: AbortSignal) => (signal ? clock.sleep(ms, signal) : Promise.resolve()),
    };
    const passing = await served((n) => ({ status: n < 3 ? 503 : 200, body: 'text' }));
    const bytes = await openCache(passing.url, { clock: immediately }).read('x.narinfo', 100);
    assert.equal(new TextDecoder().decode(bytes ?? undefined), 'text');
    assert.equal(passing.asked(), 3);
    end(passing.server);
    const staying = await served(() => ({ status: 500, body: '' }));
    await assert.rejects(openCache(staying.url, { clock: immediately }).read('x.narinfo', 100), /answered 500/);
    assert.equal(staying.asked(), 4);
    end(staying.server);
    const none = await served(() => ({ status: 404, body: '' }));
    assert.equal(await openCache(none.url, { clock: immediately }).read('x.narinfo', 100), null);
    assert.equal(none.asked(), 1);
    end(none.server);
  });

  test('a body without end is not read on', async () => {
    const large = await served(() => ({ status: 200, body: 'x'.repeat(1000) }));
    await assert.rejects(openCache(large.url, { clock: systemClock }).read('x.narinfo', 100), { code: 'bad-input' });
    end(large.server);
  });

  test('other schemes are refused with a hint', () => {
    assert.throws(() => openCache('s3://bucket', { clock: systemClock }), /https:\/\/ address/);
    assert.throws(() => openCache('cache', { clock: systemClock }), { code: 'bad-input' });
  });
});

function clockOf(clock: FakeClock) {
  return { now: () => clock.now(), monotonicMs: () => clock.monotonicMs() };
}
