import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { FleetDocument } from '@nixfleet/contracts';
import fc from 'fast-check';
import { evaluated } from './nix.ts';

/**
 * What hosts of generated fleets inherit (probes, compliance policy, pins), in Nix and by a resolver written from
 * docs/fleet-nix.md alone. A fleet that contradicts itself is refused by both.
 */

interface Probe {
  readonly kind: 'tcp';
  readonly port: number;
  readonly mode: 'enforce' | 'observe' | 'disabled';
}
interface Policy {
  readonly mode: 'disabled' | 'enforce';
  readonly frameworks: readonly string[];
}
interface Pin {
  readonly commit: string;
  readonly reason: string;
  readonly expiresAt?: string;
}
interface Scope {
  readonly healthChecks: Readonly<Record<string, Probe>>;
  readonly compliance: Policy | null;
  readonly pin: Pin | null;
}
interface Host extends Scope {
  readonly channel: string;
  readonly tags: readonly string[];
}
interface Fleet extends Omit<Scope, 'pin'> {
  readonly hosts: Readonly<Record<string, Host>>;
  readonly tags: Readonly<Record<string, Scope>>;
  readonly channels: Readonly<Record<string, Scope>>;
}
interface Inherited {
  readonly healthChecks: Readonly<Record<string, Probe>>;
  readonly compliance: Policy;
  readonly pin?: Pin;
  readonly widerPins?: readonly Pin[];
}

/** Fleets in one evaluation, and evaluations. */
const fleetsPerRun = 80;
const runs = 4;

const hostNames = ['a', 'b', 'c', 'd'];
const channelNames = ['edge', 'stable'];
/** The last is declared nowhere. */
const tagNames = ['eu', 'db', 'web', 'undeclared'];

const rarely = <Value>(value: fc.Arbitrary<Value>): fc.Arbitrary<Value | null> => fc.option(value, { freq: 2 });
const probe: fc.Arbitrary<Probe> = fc.record({
  kind: fc.constant('tcp' as const),
  port: fc.integer({ min: 1, max: 3 }),
  mode: fc.constantFrom('enforce' as const, 'observe' as const, 'disabled' as const),
});
const scope: fc.Arbitrary<Scope> = fc.record({
  healthChecks: fc.dictionary(fc.constantFrom('one', 'two'), probe, { maxKeys: 1 }),
  compliance: rarely(
    fc.record({
      // One mode: what is weaker than a wider scope needs a waiver, which is refused for other reasons.
      mode: fc.constant('enforce' as const),
      frameworks: fc.constantFrom(['nis2'], ['dora']),
    }),
  ),
  pin: rarely(
    fc.record(
      {
        commit: fc.constantFrom('1'.repeat(40), '2'.repeat(40)),
        reason: fc.constantFrom('this', 'that'),
        expiresAt: fc.constantFrom('2026-06-01T08:00:00Z', '2026-07-01T08:00:00Z'),
      },
      { requiredKeys: ['commit', 'reason'] },
    ),
  ),
});
/** One scope of each kind in a fleet, the others silent: enough that contradictions stay the exception. */
const named = <Value>(names: readonly string[], value: fc.Arbitrary<Value>): fc.Arbitrary<Record<string, Value>> =>
  fc
    .tuple(...names.map(() => value))
    .map((values) => Object.fromEntries(names.map((name, i) => [name, values[i] as Value])));
const fleet: fc.Arbitrary<Fleet> = fc.record({
  healthChecks: scope.map(({ healthChecks }) => healthChecks),
  compliance: scope.map(({ compliance }) => compliance),
  hosts: named(
    hostNames,
    fc
      .tuple(scope, fc.constantFrom(...channelNames), fc.uniqueArray(fc.constantFrom(...tagNames), { maxLength: 2 }))
      .map(([own, channel, tags]) => ({ ...own, channel, tags })),
  ),
  tags: named(tagNames.slice(0, -1), scope),
  channels: named(channelNames, scope),
});

function differ(values: readonly unknown[]): boolean {
  return new Set(values.map((value) => JSON.stringify(value))).size > 1;
}

/** Null where the scopes of this host contradict each other. */
function inheritedBy(given: Fleet, host: Host): Inherited | null {
  const channel = given.channels[host.channel];
  assert.ok(channel);
  const tags = host.tags.flatMap((tag) => given.tags[tag] ?? []);

  const healthChecks: Record<string, Probe> = {};
  for (const name of ['one', 'two']) {
    const ofTags = tags.flatMap(({ healthChecks: { [name]: declared } }) => declared ?? []);
    const narrowest = host.healthChecks[name] ?? channel.healthChecks[name];
    if (!narrowest && differ(ofTags)) return null;
    const found = narrowest ?? ofTags[0] ?? given.healthChecks[name];
    if (found) healthChecks[name] = found;
  }

  const policies = tags.flatMap(({ compliance }) => compliance ?? []);
  const decided = host.compliance ?? channel.compliance;
  if (!decided && differ(policies)) return null;
  const compliance = decided ?? policies[0] ?? given.compliance ?? { mode: 'disabled', frameworks: [] };

  const pins = tags.flatMap(({ pin }) => pin ?? []);
  if (pins.length > 1 && (!host.pin || host.pin.expiresAt)) return null;
  const counting = [host.pin, pins[0], channel.pin].flatMap((pin) => pin ?? []);
  const forEver = counting.findIndex(({ expiresAt }) => !expiresAt);
  const [pin, ...widerPins] = counting.slice(0, forEver < 0 ? 3 : forEver + 1);
  return { healthChecks, compliance, ...(pin && { pin }), ...(widerPins.length > 0 && { widerPins }) };
}

test('what hosts inherit is in Nix what the documentation says, or refused', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'nixfleet-inherited-'));
  const file = join(folder, 'fleets.json');
  const expression = `map (import ${join(import.meta.dirname, 'inherited.nix')}) (builtins.fromJSON (builtins.readFile ${file}))`;
  const seen = { refused: 0, resolved: 0, pinned: 0, widerPinned: 0 };
  try {
    await fc.assert(
      fc.asyncProperty(fc.array(fleet, { minLength: fleetsPerRun, maxLength: fleetsPerRun }), async (fleets) => {
        const text = JSON.stringify(fleets);
        await writeFile(file, text);
        const outcomes = (await evaluated({ expression })) as readonly { resolved?: unknown; refused?: true }[];
        for (const [index, given] of (JSON.parse(text) as Fleet[]).entries()) {
          const expected = Object.entries(given.hosts).map(([name, host]) => [name, inheritedBy(given, host)] as const);
          const outcome = outcomes[index];
          if (expected.some(([, inherited]) => inherited === null)) {
            assert.deepEqual(outcome, { refused: true });
            seen.refused++;
            continue;
          }
          const { hosts } = FleetDocument.parse(outcome?.resolved);
          for (const [name, inherited] of expected) {
            const { healthChecks = {}, compliance, pin, widerPins } = the(hosts[name as keyof typeof hosts]);
            const probes = Object.entries(healthChecks).map(([check, { kind, mode, ...rest }]) => [
              check,
              { kind, port: 'port' in rest ? rest.port : null, mode },
            ]);
            const pins = { ...(pin && { pin }), ...(widerPins && { widerPins }) };
            assert.deepEqual({ healthChecks: Object.fromEntries(probes), compliance, ...pins }, inherited);
            if (pin) seen.pinned++;
            if (widerPins) seen.widerPinned++;
          }
          seen.resolved++;
        }
      }),
      { numRuns: runs },
    );
  } finally {
    await rm(folder, { recursive: true });
  }
  // A generator that only makes one kind would compare nothing.
  for (const [kind, count] of Object.entries(seen)) assert.ok(count >= 5, `${kind}: ${count}`);
});

function the<Value>(value: Value | undefined): Value {
  assert.ok(value !== undefined);
  return value;
}
