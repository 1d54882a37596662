import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FleetDocument, type HostState, HostSummary, type Instant, StorePath } from '@nixfleet/contracts';
import { initialHostState, owesBoot } from '@nixfleet/engine';
import type { VerifiedTree } from '@nixfleet/release';
import { detailsMax, hostsOfControlPlane, hostsOfLastRelease } from './hosts-now.ts';

const now = '2026-06-01T08:00:00Z' as Instant;
const closure = StorePath.parse(`/nix/store/${'0'.repeat(32)}-nixos-system-a`);
const rolloutId = '1'.repeat(64);
const host = { system: 'x86_64-linux', channel: 'stable', tags: [], pubkeys: ['ssh-ed25519 AAAA'], healthChecks: {} };

function fleetOf(names: readonly string[]): FleetDocument {
  return FleetDocument.parse({
    ...{ type: 'fleet', fleet: 'acme', schemaVersion: 1, channels: {}, edges: [], channelEdges: [] },
    ...{ disruptionBudgets: [], operators: {}, hosts: Object.fromEntries(names.map((name) => [name, host])) },
  });
}

/** A host where it should be, under `reboots = 2`. */
function summaryOf(name: string): HostSummary {
  const target = { rolloutId, channel: 'stable', introducedIn: 1, wave: 0, closure, closureDigest: rolloutId };
  const phase = { name: 'converged', target: { ...target, attempt: 1, soakSeconds: 0, reboots: 2 }, at: now };
  return HostSummary.parse({
    ...{ name, channel: 'stable', tags: [], health: 'converged', phase, running: closure, target: closure, wave: 0 },
    ...{ online: true, lastSeenAt: now, rebootPending: false, withheld: [] },
  });
}

/** A control plane that tells the whole state of a host: it is held. */
function readerOf(summaries: readonly HostSummary[]) {
  const asked: string[] = [];
  const localHold = { until: '2026-06-01T13:00:00Z' as Instant, reason: 'disk' };
  const state: HostState = { ...initialHostState, running: closure, localHold };
  const read = (path: string): unknown => {
    if (path === '/v1/fleet') return { hosts: summaries };
    asked.push(path);
    return { state };
  };
  const view = async <View>(_: unknown, path: string) => read(path) as View;
  return { asked, localHold, view, patientView: view };
}

test('the whole state of a converged host is asked for too: a hold is in no summary', async () => {
  const reader = readerOf([summaryOf('a'), summaryOf('gone')]);
  const views = await hostsOfControlPlane(reader, fleetOf(['a', 'b']));
  assert.deepEqual(
    [...views].map(([name, { fold }]) => [name, fold?.state.localHold]),
    [['a', reader.localHold]],
  );
  assert.deepEqual(reader.asked, ['/v1/hosts/a']);
});

test('of more hosts than are asked for, those in the midst of something come first; the others owe no boot twice', async () => {
  const names = Array.from({ length: detailsMax + 2 }, (_, i) => `h${i}`);
  const last = names.at(-1) ?? '';
  const summaries = names.map((name) => ({ ...summaryOf(name), ...(name === last && { rebootPending: true }) }));
  const reader = readerOf(summaries);
  const views = await hostsOfControlPlane(reader, fleetOf(names));
  assert.equal(reader.asked.length, detailsMax);
  assert.ok(reader.asked.includes(`/v1/hosts/${last}`));
  const untold = [...views].filter(([name]) => !reader.asked.includes(`/v1/hosts/${name}`));
  assert.equal(untold.length, 2);
  for (const [, { fold }] of untold) {
    assert.ok(fold);
    assert.deepEqual([owesBoot(fold.state, 2), owesBoot(fold.state, 3)], [false, true]);
    assert.equal(fold.state.confirmed?.closure, closure);
  }
});

test('after the last release every host has booted for its number, and its controls have passed where they are enforced', () => {
  const entry = { wave: 0, closure, closureDigest: rolloutId, closureBytes: 1, attempt: 1 };
  const stateUnder = (policy: object): HostState | undefined => {
    const document = { channel: 'stable', introducedIn: 1, waves: [{ soakSeconds: 0 }], policy, hosts: { a: entry } };
    const previous = { manifests: new Map([[rolloutId, { rolloutId, document }]]) } as unknown as VerifiedTree;
    return [...hostsOfLastRelease(fleetOf(['a']), previous, now).values()][0]?.fold?.state;
  };
  const enforcing = stateUnder({ reboots: 2, compliance: { mode: 'enforce', frameworks: [] } });
  assert.ok(enforcing);
  assert.deepEqual([owesBoot(enforcing, 2), owesBoot(enforcing, 3)], [false, true]);
  assert.equal(enforcing.compliance?.passed?.at, now);
  const permissive = stateUnder({ compliance: { mode: 'permissive', frameworks: [] } });
  assert.deepEqual([permissive?.compliance, permissive?.reboots], [undefined, undefined]);
});
