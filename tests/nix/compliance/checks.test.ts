import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ProbeDescriptor } from '@nixfleet/contracts';
import { parseArguments, probeLoaders } from '@nixfleet/probes';
import { evaluated } from '../nix.ts';

interface Described {
  readonly rule: string;
  readonly descriptor: Readonly<Record<string, unknown>> | null;
}

/** Every rule's descriptor on a host; null: it has none, or nothing is declared that it could look at. */
async function described(config: string): Promise<readonly Described[]> {
  const expression = `
    let
      inherit (import ${import.meta.dirname}/../../../nix/compliance) controls;
      config = ${config};
      of = control: rule: {
        rule = rule.id;
        descriptor = if rule.check == null then null else rule.check { inherit config; options = control.optionsOf config; };
      };
    in builtins.concatMap (control: map (of control) control.rules) controls`;
  return (await evaluated({ expression })) as readonly Described[];
}

for (const [name, config] of [
  ['a bare host', '{ }'],
  ['a host with everything declared', `import ${import.meta.dirname}/declared.nix`],
] as const)
  test(`every descriptor is what its probe takes: ${name}`, async () => {
    for (const { rule, descriptor } of await described(config)) {
      if (descriptor === null) continue;
      const command = '/nix/store/00000000000000000000000000000000-nixfleet/bin/nixfleet-probe';
      const { args, privilege, network } = ProbeDescriptor.parse({ command, ...descriptor });
      const load = probeLoaders.get(args[0] ?? '');
      assert.ok(load, `${rule}: no probe ${args[0]}`);
      const probe = await load();
      assert.doesNotThrow(() => parseArguments(probe.arguments, args.slice(1)), rule);
      assert.equal(network, probe.network ?? 'none', rule);
      // A probe that needs no root is given none; one that does may not need it for the part that a rule asks for.
      if (probe.root === null) assert.equal(privilege, 'user', rule);
      if (privilege === 'user') assert.ok(probe.root === null, `${rule}: ${probe.name} needs root: ${probe.root}`);
    }
  });

test('what is not declared is not measured, and says nothing', async () => {
  const bare = new Map((await described('{ }')).map(({ rule, descriptor }) => [rule, descriptor]));
  for (const rule of ['AE-02', 'AL-03', 'AU-01', 'EIT-03', 'KM-04', 'NS-03', 'NS-04', 'SB-01', 'SH-02'])
    assert.equal(bare.get(rule), null, rule);
  const measured = [...bare.values()].filter((descriptor) => descriptor !== null);
  assert.ok(measured.length > 60, `${measured.length} rules are measured on a bare host`);
});
