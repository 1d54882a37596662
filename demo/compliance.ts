import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '@nixfleet/agent';
import { addSeconds, msToInstant } from '@nixfleet/contracts';
import { gatherEvidence } from './host-evidence.ts';
import type { DemoHost } from './layout.ts';
import type { Ran } from './programs.ts';
import { eventOf, expect, runs, type Scene, stepSecondsMax } from './scene.ts';

const webHosts: readonly DemoHost[] = ['canary-1', 'web-1', 'web-2'];

/** The static gate: CI says where, what and how to mend it, and no release is made. */
export async function refusedRelease({ fleet, tell }: Scene): Promise<void> {
  const output = await fleet.pushRefused({ version: '1.6', controls: true, avahi: true });
  const lines = output.split('\n');
  const at = lines.findIndex((line) => line.startsWith('static-gate canary-1 failed: '));
  expect(at >= 0, 'CI names the host and the control');
  for (const line of lines.slice(at, at + 4)) tell.detail(line.trim());
  for (const part of ['service-hardening SH-01', 'services.avahi.enable', 'observed', 'expected', 'fix:'])
    expect(output.includes(part), `CI says ${part}`);
  await runs(fleet, '1.5');
  tell.prove('CI refused 1.6: host, control, option, observed, expected, fix; every host still runs 1.5');
}

/** The runtime gate, shown by a control that fails on purpose, and recorded for whoever asks later. */
export async function drill({ fleet, tell }: Scene): Promise<void> {
  const { source } = fleet.layout;
  const from = await fleet.position();
  const repository = ['--repository', source];
  const where = ['--host', 'canary-1', '--fail-at', 'runtime', '--for', '10min', '--limit', '1min'];
  done(await fleet.nixfleet('compliance', 'drill', 'start', ...where, ...repository));
  await fleet.push({ version: '1.7', controls: true });
  // Signed by an approver, as waivers are; every step is looked for in the hosts' own journals.
  const record = fleet.nixfleet(
    'compliance',
    'drill',
    'record',
    '--approver-key',
    fleet.key('approver'),
    ...repository,
  );
  const failure = await eventOf(fleet, from, 'canary-1', 'compliance-failure');
  const reverted = await eventOf(fleet, from, 'canary-1', 'reverted');
  tell.say(`canary-1: ${failure.body.controlId} fails under ${failure.body.mode}, reverted by the ${reverted.body.by}`);
  await fleet.observer.until('the halt', stepSecondsMax, (view) =>
    view.rollouts.some(({ channel, state }) => channel === 'web' && (state === 'halted' || state === 'reverted')),
  );
  const recorded = done(await record);
  const seen = recorded.stderr.split('\n').filter((line) => / after \d+ s/.test(line));
  for (const line of new Set(seen)) tell.detail(line);
  await runs(fleet, '1.5');
  tell.prove('the canary was not confirmed and went back by itself, the web servers waited, and the record is signed');
}

/** A packet from what the hosts signed, checked as an auditor checks it; and the same with one bit changed. */
export async function audit({ fleet, tell }: Scene): Promise<void> {
  const { audit: places, source, forge, trust } = fleet.layout;
  await gatherEvidence(fleet.layout, webHosts);
  const now = msToInstant(systemClock.now());
  const period = ['--from', addSeconds(now, -3600), '--to', addSeconds(now, 60)];
  const drills = ['--drills', join(source, 'compliance', 'drills')];
  const from = ['--evidence', places.evidence, '--source', forge, ...drills];
  const made = done(
    await fleet.nixfleet('compliance', 'packet', 'create', ...period, ...from, '--output', places.packet),
  );
  for (const line of made.stdout.split('\n').filter((line) => /^(drill|canary-1:)/.test(line))) tell.detail(line);
  const forgedFile = join('hosts', 'canary-1', 'journal.jsonl');
  await cp(places.packet, places.forged, { recursive: true });
  await flipBit(join(places.forged, forgedFile));
  const verify = (packet: string): Promise<Ran> =>
    fleet.nixfleet('compliance', 'packet', 'verify', packet, '--trust', trust, '--require-compliant');
  const [whole, forged] = await Promise.all([verify(places.packet), verify(places.forged)]);
  expect(
    done(whole).stdout.includes('everything holds'),
    'the packet verifies offline, and nothing failed but on purpose',
  );
  const named = forged.stdout.split('\n').find((line) => line.startsWith('broken') && line.includes(forgedFile));
  expect(forged.exitCode === 1 && named !== undefined, `the changed file is named: ${forged.stdout}`);
  tell.detail(`${named?.slice(0, 120)}…`);
  tell.prove('the packet verifies offline, from the trust document alone; one flipped bit in it is found and named');
}

function done(ran: Ran): Ran {
  expect(ran.exitCode === 0, `it ends well: ${ran.stderr}${ran.stdout}`.slice(0, 3000));
  return ran;
}

/** The lowest bit of the byte in the middle. */
async function flipBit(path: string): Promise<void> {
  const bytes = await readFile(path);
  const middle = Math.floor(bytes.length / 2);
  bytes[middle] = (bytes[middle] ?? 0) ^ 1;
  await writeFile(path, bytes);
}
