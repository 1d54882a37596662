import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { evaluated } from './nix.ts';

describe('large fleets', () => {
  /** A thousand hosts, each waiting for the one before: the longest chain of edges there can be. */
  const hosts = 1000;

  const expression = (lastGated: string): string => `
    let
      inherit (builtins) genList listToAttrs substring hashString;
      name = n: "host-\${toString n}";
      host = n: {
        name = name n;
        value = {
          system = "x86_64-linux";
          channel = "stable";
          tags = [ "web" "rack-\${toString (n / 50)}" ];
          pubkeys = [ "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA\${substring 0 42 (hashString "sha256" (name n))}" ];
          configuration = throw "forced";
        };
      };
    in
    ((import ./.).lib.mkFleet {
      name = "large";
      hosts = listToAttrs (genList host ${hosts});
      channels.stable.rolloutPolicy = "racks";
      rolloutPolicies.racks.waves = genList (rack: { selector.tags = [ "rack-\${toString rack}" ]; }) 20;
      healthChecks.units.kind = "systemd";
      tags.web.healthChecks.http = { kind = "http"; url = "http://127.0.0.1/"; };
      edges = genList (n: { gated = name (n + 1); gates = name n; }) ${hosts - 1} ++ ${lastGated};
      disruptionBudgets = [ { name = "web"; selector.tags = [ "web" ]; maxInFlight = 5; } ];
    }).resolved`;

  test('a thousand hosts in a chain resolve', async () => {
    const resolved = (await evaluated({ expression: expression('[ ]') })) as {
      channels: { stable: { waves: unknown[] } };
    };
    assert.equal(resolved.channels.stable.waves.length, 20);
  });

  test('a cycle through all of them is found and shown', async () => {
    const closed = expression(`[ { gated = "host-0"; gates = "host-${hosts - 1}"; } ]`);
    await assert.rejects(evaluated({ expression: closed }), ({ message }: Error) => {
      const [, cycle = ''] = /each waits for the next: (.*)/.exec(message) ?? [];
      const names = cycle.split(' → ');
      return names.length === hosts + 1 && names[0] === names.at(-1) && new Set(names).size === hosts;
    });
  });
});

test('every option of the fleet is described, with an example', async () => {
  assert.deepEqual(await evaluated({ file: join(import.meta.dirname, 'undescribed.nix') }), []);
});

test('a name is suggested only if it is near', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'nixfleet-nearest-'));
  const file = join(folder, 'cases.json');
  const cases: [string, string[], string | null][] = [
    ['stabel', ['edge', 'stable'], 'stable'],
    ['pubkey', ['pubkeys', 'pin'], 'pubkeys'],
    ['web-1', ['db-1'], null],
    ['a', ['b'], null],
    ['', ['b'], null],
    ['rolloutpolicy', ['rolloutPolicy'], 'rolloutPolicy'],
    ['x'.repeat(100), ['x'.repeat(99)], 'x'.repeat(99)],
  ];
  try {
    await writeFile(file, JSON.stringify(cases));
    const expression = `
      let inherit (import ./nix/lib) nearest; inherit (builtins) elemAt; in
      map (one: nearest.nearest (elemAt one 0) (elemAt one 1)) (builtins.fromJSON (builtins.readFile ${file}))`;
    assert.deepEqual(
      await evaluated({ expression }),
      cases.map(([, , expected]) => expected),
    );
  } finally {
    await rm(folder, { recursive: true });
  }
});
