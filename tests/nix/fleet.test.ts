import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { FleetDocument } from '@nixfleet/contracts';
import { fixtureNames, fixturePath, refusals } from './fixtures.ts';
import { evaluate, evaluated, repositoryRoot } from './nix.ts';

/** What `node tests/nix/write-golden.ts` wrote must be what Nix says today. */
describe('mkFleet', async () => {
  for (const name of await fixtureNames()) {
    test(`${name} resolves to its document, without any configuration`, async () => {
      const resolved = await evaluated({ file: fixturePath(name, 'nix') }, 'resolved');
      assert.deepEqual(resolved, JSON.parse(await readFile(fixturePath(name, 'json'), 'utf8')));
    });

    test(`${name} is a fleet document, complete and with nothing beyond`, async () => {
      const resolved: unknown = JSON.parse(await readFile(fixturePath(name, 'json'), 'utf8'));
      // Parsing fills in defaults and drops unknown fields: equal means that Nix left nothing to either.
      assert.deepEqual(FleetDocument.parse(resolved), resolved);
    });
  }

  test('what is refused is refused with exactly this message', async () => {
    const expected = JSON.parse(await readFile(join(import.meta.dirname, 'refused.json'), 'utf8')) as object;
    const actual = await refusals();
    for (const [name, message] of Object.entries(expected)) assert.deepEqual(actual[name], message, name);
    assert.deepEqual(Object.keys(actual), Object.keys(expected));
    assert.deepEqual(
      Object.keys(actual).filter((name) => actual[name] === null),
      ['sound'],
    );
  });

  const warned: Readonly<Record<string, readonly string[]>> = {
    acme: [
      'rolloutPolicies.canary-first.waves[2].selector.tagsAny[1]: no host carries the tag "api"',
      'channels.stable: no host of it is in wave 1 of rolloutPolicies.canary-first',
      'channels.stable: offline.graceSeconds lets no host be left out of wave 0, since promoteWhen.receiptsPercent is 100 there',
      'channels.databases: healthChecks.units replaces that of the fleet',
      'hosts.web-1: healthChecks.http replaces that of tags.web',
    ],
    minimal: [],
    scopes: [
      'channels.many: all 10 hosts are in one wave; if that is meant, say strategy = "all-at-once" in rolloutPolicies.plain',
      'disruptionBudgets: "tight" lets one of 10 hosts switch at a time; a rollout takes as many turns',
      'disruptionBudgets: "wide" lets all of its 2 hosts switch at once, so it limits nothing',
      'disruptionBudgets: "nobody" covers no host',
      'channels.strict: compliance replaces that of tags.tagged',
      'channels.strict: compliance replaces that of the fleet',
      'channels.strict: healthChecks.one replaces that of tags.tagged',
      'channels.strict: healthChecks.one replaces that of the fleet',
      'hosts.all-four: compliance replaces that of channels.strict',
      'hosts.all-four: compliance replaces that of tags.tagged',
      'hosts.all-four: compliance replaces that of the fleet',
      'hosts.all-four: healthChecks.one replaces that of channels.strict',
      'hosts.all-four: healthChecks.one replaces that of tags.tagged',
      'hosts.all-four: healthChecks.one replaces that of the fleet',
      'tags.tagged: compliance replaces that of the fleet',
      'tags.tagged: healthChecks.one replaces that of the fleet',
    ],
    split: [],
    strategies: [],
  };
  test('what is allowed and probably not meant is told', async () => {
    for (const name of await fixtureNames()) {
      assert.deepEqual(await evaluated({ file: fixturePath(name, 'nix') }, 'warnings'), warned[name], name);
    }
  });

  test('a system that more hosts than one are pinned to is told', async () => {
    const closure = '/nix/store/8ab4c1qzm6yq5c1a5hyhx0kqv8f2q5yk-nixos-system-web-1-26.05';
    const expression = `
      let
        keys = import ${join(import.meta.dirname, 'keys.nix')};
        pin = { closure = "${closure}"; reason = "regression"; };
        host = channel: key: {
          inherit channel;
          system = "x86_64-linux";
          pubkeys = [ key ];
          configuration.config.system = { };
        };
      in
      (import ./.).lib.mkFleet {
        name = "acme";
        hosts = {
          web-1 = host "pinned" keys.web-1;
          web-2 = host "pinned" keys.web-2;
          db-1 = host "free" keys.db-1 // { inherit pin; };
        };
        channels.pinned = { rolloutPolicy = "plain"; inherit pin; };
        channels.free.rolloutPolicy = "plain";
        rolloutPolicies.plain = { };
      }`;
    assert.deepEqual(await evaluated({ expression }, 'warnings'), [
      `hosts.db-1, hosts.web-1, hosts.web-2: pinned to one system, ${closure}, which is one host's; pin them to a commit, or each to its own`,
    ]);
  });

  test('what would let a rollout go on without some hosts is told where all of their receipts are demanded', async () => {
    const warningsOf = (policy: string, channel = '') => {
      const expression = `
        let
          keys = import ${join(import.meta.dirname, 'keys.nix')};
          host = key: {
            system = "x86_64-linux";
            channel = "stable";
            pubkeys = [ key ];
            configuration.config.system = { };
          };
        in
        (import ./.).lib.mkFleet {
          name = "acme";
          hosts = builtins.mapAttrs (_: host) { inherit (keys) web-1 web-2 web-3 db-1; };
          channels.stable = { rolloutPolicy = "plain"; ${channel} };
          rolloutPolicies.plain = { ${policy} };
        }`;
      return evaluated({ expression }, 'warnings') as Promise<string[]>;
    };
    const first = (more: string) => `waves = [ { size = 2; ${more} } ];`;
    const lets = (what: string, why: string) => `channels.stable: ${what} wave 0, since promoteWhen${why} there`;
    assert.deepEqual(await warningsOf(first(''), 'offline.graceSeconds = 60;'), [
      lets('offline.graceSeconds lets no host be left out of', '.receiptsPercent is 100'),
    ]);
    assert.deepEqual(await warningsOf(first('promoteWhen.convergedPercent = 50;')), [
      lets('promoteWhen.convergedPercent lets no host be left out of', '.receiptsPercent is 100'),
    ]);
    const all = lets('maxFailures lets no failed host be left out of', ' demands all of its hosts');
    assert.deepEqual(await warningsOf(`maxFailures.count = 1; ${first('')}`), [all]);
    assert.deepEqual(await warningsOf(`maxFailures.count = 1; ${first('promoteWhen.receiptsPercent = 50;')}`), [all]);
    for (const sound of [
      first(''),
      first('promoteWhen = { convergedPercent = 50; receiptsPercent = 50; };'),
      `maxFailures.count = 1; ${first('promoteWhen = { convergedPercent = 50; receiptsPercent = 50; };')}`,
      `maxFailures.percent = 20; ${first('')}`,
      'maxFailures.count = 1; waves = [ { size = 1; promoteWhen.convergedPercent = 50; } ];',
      'maxFailures.count = 1;',
    ]) {
      assert.deepEqual(await warningsOf(sound), [], sound);
    }
  });

  test('a revision in the closure is told where the host is evaluated, and nowhere else', async () => {
    const withRevision = (revision: string) => `
      let
        keys = import ${join(import.meta.dirname, 'keys.nix')};
        host = key: system: {
          system = "x86_64-linux";
          channel = "stable";
          pubkeys = [ key ];
          configuration.config = { inherit system; };
        };
      in
      (import ./.).lib.mkFleet {
        name = "acme";
        hosts.web-1 = host keys.web-1 { ${revision} };
        hosts.web-2 = host keys.web-2 (throw "web-2 was evaluated");
        channels.stable.rolloutPolicy = "plain";
        rolloutPolicies.plain = { };
      }`;
    const warningsOf = (revision: string) =>
      evaluated({ expression: withRevision(revision) }, 'hostWarnings.web-1') as Promise<string[]>;
    assert.deepEqual(await warningsOf(''), []);
    assert.deepEqual(await warningsOf('configurationRevision = null;'), []);
    const [told, ...more] = await warningsOf('configurationRevision = "0123abc";');
    assert.match(told ?? '', /^system\.configurationRevision is set: .* so leave it null$/);
    assert.deepEqual(more, []);
    assert.deepEqual(await evaluated({ expression: withRevision('') }, 'warnings'), []);
  });
});

describe('toplevels and hosts', () => {
  const fleet = (configuration: string): string => `
    let
      keys = import ${join(import.meta.dirname, 'keys.nix')};
      host = key: configuration: { system = "x86_64-linux"; channel = "stable"; pubkeys = [ key ]; inherit configuration; };
      fleet = (import ./.).lib.mkFleet {
        name = "acme";
        hosts = {
          web-1 = host keys.web-1 (${configuration});
          web-2 = host keys.web-2 (throw "web-2 was evaluated");
        };
        channels.stable.rolloutPolicy = "plain";
        rolloutPolicies.plain.waves = [ { selector.hosts = [ "web-2" ]; } ];
        healthChecks.units.kind = "systemd";
      };
    in
    fleet`;
  const stub = '{ config.system.build.toplevel = "the toplevel"; }';

  test('a host is evaluated alone', async () => {
    assert.equal(await evaluated({ expression: fleet(stub) }, 'toplevels.web-1'), 'the toplevel');
    assert.equal(await evaluated({ expression: fleet(stub) }, 'hosts.web-1.toplevel'), 'the toplevel');
    const other = await evaluate({ expression: fleet(stub) }, 'toplevels.web-2');
    assert.deepEqual(other, { ok: false, message: 'web-2 was evaluated' });
  });

  test('names, waves and checks are known without any configuration', async () => {
    const expression = `builtins.mapAttrs (_: host: { inherit (host) name wave; checks = builtins.attrNames host.healthChecks; }) (${fleet(stub)}).hosts`;
    assert.deepEqual(await evaluated({ expression }), {
      'web-1': { name: 'web-1', wave: 1, checks: ['units'] },
      'web-2': { name: 'web-2', wave: 0, checks: ['units'] },
    });
  });

  test('a configuration may read what the fleet says of its host', async () => {
    const reading = '{ config.system.build.toplevel = builtins.attrNames fleet.hosts.web-1.healthChecks; }';
    assert.deepEqual(await evaluated({ expression: fleet(reading) }, 'toplevels.web-1'), ['units']);
  });

  test('a configuration without a toplevel is refused by name', async () => {
    const result = await evaluate({ expression: fleet('{ config.system = { }; }') }, 'toplevels.web-1');
    assert.deepEqual(result, {
      ok: false,
      message: [
        'mkFleet: 1 problem in fleet "acme"',
        '  hosts.web-1.configuration = { config }',
        '    rule: expected config.system.build.toplevel in it',
        '    fix:  give what nixosSystem or darwinSystem returns',
      ].join('\n'),
    });
  });
});

describe('a fleet in several files', () => {
  const file = join(import.meta.dirname, 'split', 'fleet.nix');

  test('is the fleet that one file would declare, and its files may read it', async () => {
    const whole = `(import ./.).lib.mkFleet ${file}`;
    assert.equal(await evaluated({ expression: whole }, 'toplevels.paris-db'), 'paris-db in wave 0');
    assert.deepEqual(await evaluated({ expression: `builtins.attrNames (${whole}).hosts` }), [
      'berlin-0',
      'berlin-1',
      'paris-db',
      'paris-web',
    ]);
  });

  test('mergeFleets is the same without a file around', async () => {
    const sites = ['policies.nix', 'sites/paris.nix'].map((name) => join(import.meta.dirname, 'split', name));
    const merged = `((import ./.).lib.mergeFleets [ { name = "acme"; } ${sites.join(' ')} { name = "acme"; } ]).resolved`;
    const { disruptionBudgets, hosts } = FleetDocument.parse(await evaluated({ expression: merged }));
    assert.deepEqual(Object.keys(hosts), ['paris-db', 'paris-web']);
    assert.deepEqual(
      disruptionBudgets.map(({ name }) => name),
      ['everything', 'paris'],
    );
  });
});

test('the fleet in the docs is right', async () => {
  const page = await readFile(join(repositoryRoot, 'docs', 'fleet-nix.md'), 'utf8');
  const [, shown = ''] = /```nix\n([\s\S]*?)```/.exec(page) ?? [];
  const expression = shown.replace('import ./nixfleet', 'import ./.').replace('import ./systems.nix', 'throw "forced"');
  FleetDocument.parse(await evaluated({ expression }, 'resolved'));
});
