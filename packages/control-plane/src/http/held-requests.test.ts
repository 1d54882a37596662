import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { protocolHeader } from '@nixfleet/contracts';
import { systemClock } from '@nixfleet/contracts/node-clock';
import { the } from '../fixture.test.ts';
import { Running } from './running-server.test.ts';

describe('held and streamed', () => {
  test('a stop answers held check-ins at once and ends streams', async () => {
    const running = await Running.start();
    const { fixture } = running;
    await fixture.join('canary', 'web-1', 'web-2', 'db');
    const reply = await fixture.checkin('web-1');
    const body = await fixture.checkinBody('web-1', { head: reply.head, go: reply.goId });
    const held = running.request('host:web-1', {
      method: 'POST',
      path: '/v1/agent/checkin',
      body,
      headers: { prefer: 'wait=100' },
    });
    const streamed = running.request('operator:olivia', {
      path: '/v1/events',
      headers: { accept: 'text/event-stream' },
    });
    const isOpen = (name: string) => async () =>
      (await fixture.controlPlane.metrics.registry.getSingleMetricAsString(name)).includes(' 1');
    await running.until(isOpen('nixfleet_checkins_held'));
    await running.until(isOpen('nixfleet_event_streams'));
    const before = systemClock.monotonicMs();
    await running[Symbol.asyncDispose]();
    assert.equal((await held).status, 200);
    assert.match((await streamed).body.toString(), /^id: \d+$/m);
    assert.ok(systemClock.monotonicMs() - before < 3000);
  });

  test('one connection holds check-in after check-in, and keeps nothing of those that are over', async () => {
    await using running = await Running.start();
    const { fixture } = running;
    await fixture.join('web-1');
    const reply = await fixture.checkin('web-1');
    const body = JSON.stringify(await fixture.checkinBody('web-1', { head: reply.head, go: reply.goId }));
    const socket = await running.connect('host:web-1');
    let text = '';
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    const warnings: Error[] = [];
    const warn = (warning: Error): void => void warnings.push(warning);
    process.on('warning', warn);
    const held = async () =>
      (await fixture.controlPlane.metrics.registry.getSingleMetricAsString('nixfleet_checkins_held')).includes(' 1');
    const answered = () => text.split('HTTP/1.1 200').length - 1;
    for (let n = 1; n <= 12; n++) {
      socket.write(
        `POST /v1/agent/checkin HTTP/1.1\r\nhost: x\r\n${protocolHeader}: 1\r\nprefer: wait=1\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
      );
      await running.until(held);
      await fixture.clock.advance(1100);
      await running.until(() => answered() === n);
    }
    process.off('warning', warn);
    assert.deepEqual(warnings, []);
    socket.destroy();
  });

  test('a stream goes on from Last-Event-ID, and gets what is new', async () => {
    await using running = await Running.start();
    const { fixture } = running;
    await fixture.join('canary', 'web-1');
    const socket = await running.connect('operator:olivia');
    let text = '';
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    const entries = await fixture.store.read({ after: 0, limit: 10, events: true });
    const [first, second] = entries.map(({ position }) => position);
    socket.write(
      `GET /v1/events HTTP/1.1\r\nhost: x\r\n${protocolHeader}: 1\r\naccept: text/event-stream\r\nlast-event-id: ${first}\r\n\r\n`,
    );
    await running.until(() => text.includes(`id: ${second}\n`));
    assert.ok(!text.includes(`id: ${first}\n`));
    await fixture.join('db');
    await running.until(() => /"host":"db"/.test(text));
    socket.destroy();
    await running.until(async () =>
      (await fixture.controlPlane.metrics.registry.getSingleMetricAsString('nixfleet_event_streams')).includes(' 0'),
    );
  });

  test('a document larger than a piece comes whole', async () => {
    await using running = await Running.start();
    const { fixture } = running;
    await fixture.publish((next) => {
      for (let i = 0; i < 600; i++) {
        next.hosts[`extra-${i}`] = { channel: 'data', closure: 1, attempt: 1, tags: [], pubkeys: [] };
        next.channels.data?.waves[0]?.hosts.push(`extra-${i}`);
      }
    });
    const path = [...fixture.fleet.files.keys()].filter((name) => name.startsWith('fleet/')).at(-1);
    const { status, body } = await running.request('host:canary', { path: `/v1/signed/${path}` });
    assert.equal(status, 200);
    assert.ok(body.length > 100_000);
    assert.deepEqual(new Uint8Array(body), fixture.fleet.files.get(the(path)));
  });
});
