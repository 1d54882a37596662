import assert from 'node:assert/strict';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { Commit } from '@nixfleet/contracts';
import { nodeCrypto } from '@nixfleet/contracts/node-crypto';
import { accepted } from '@nixfleet/testkit';
import { parseFleetSource } from './fleet-source.ts';
import { observeFacts, StatedFacts } from './release-facts.ts';
import { ReleaseLab } from './release-lab.test.ts';

const narHash = `sha256-${'A'.repeat(43)}=`;
const lock = {
  root: 'root',
  version: 7,
  nodes: {
    root: { inputs: { nixpkgs: 'nixpkgs_2', tools: 'tools', again: ['tools', 'nixpkgs'], lost: ['tools', 'nobody'] } },
    tools: { inputs: { nixpkgs: ['nixpkgs'] }, locked: { narHash } },
    nixpkgs_2: { locked: { narHash, lastModified: 1_780_000_000, rev: 'x' } },
    round: { inputs: { a: ['round', 'a'] } },
  },
};

describe('what a release sees of itself', () => {
  let lab: ReleaseLab;
  before(async () => {
    lab = await ReleaseLab.create();
  });
  after(() => lab[Symbol.asyncDispose]());

  async function observed({ at = '.', stated = {} }: { at?: string; stated?: StatedFacts } = {}) {
    const commit = Commit.parse((await lab.git.run(['rev-parse', 'HEAD'])).trim());
    const fleet = parseFleetSource(at, { directory: lab.at('source') });
    return { commit, outcome: await observeFacts(lab.git, { commit, fleet, stated, crypto: nodeCrypto, trust: null }) };
  }

  test('the commit, whether something is not committed, and when it was', async () => {
    const clean = await observed({ stated: { author: 'ada' } });
    const facts = accepted(clean.outcome);
    const committed = Number((await lab.git.run(['log', '-1', '--format=%ct'])).trim());
    assert.deepEqual(facts, {
      author: 'ada',
      observed: { revision: clean.commit, isDirty: false, evaluatedAt: committed },
    });
    await writeFile(lab.at('source/left-over'), 'x');
    assert.equal(accepted((await observed()).outcome).observed?.isDirty, true);
    await rm(lab.at('source/left-over'));
  });

  test('locked inputs, as the commit has them beside the fleet; those that follow others too', async () => {
    await mkdir(lab.at('source/below'), { recursive: true });
    await writeFile(lab.at('source/flake.lock'), JSON.stringify(lock));
    await writeFile(lab.at('source/below/fleet.nix'), '{ }');
    await lab.gitCommit('locked');
    await writeFile(lab.at('source/flake.lock'), '{ "not": "committed" }');
    const inputs = accepted((await observed()).outcome).observed?.inputs;
    assert.deepEqual(inputs, {
      nixpkgs: { narHash, lastModified: 1_780_000_000 },
      tools: { narHash, lastModified: null },
      again: { narHash, lastModified: 1_780_000_000 },
      lost: { narHash: null, lastModified: null },
    });
    assert.deepEqual(accepted((await observed({ at: '.#fleet' })).outcome).observed?.inputs, inputs);
    for (const at of ['below', './below#fleet', 'github:acme/fleet#fleet'])
      assert.equal(accepted((await observed({ at })).outcome).observed?.inputs, undefined, at);
  });

  test('a lock file that is none is refused, and one that runs in circles ends', async () => {
    for (const text of ['no JSON', '{}', JSON.stringify({ ...lock, root: 'nobody' })]) {
      await writeFile(lab.at('source/flake.lock'), text);
      await lab.gitCommit('a lock file');
      const { outcome } = await observed();
      assert.equal(!outcome.ok && outcome.reason, 'bad-lock-file', text);
    }
    const root = { inputs: { round: ['a'], a: ['round'] } };
    await writeFile(lab.at('source/flake.lock'), JSON.stringify({ ...lock, nodes: { root } }));
    await lab.gitCommit('in circles');
    const nothing = { narHash: null, lastModified: null };
    assert.deepEqual(accepted((await observed()).outcome).observed?.inputs, { round: nothing, a: nothing });
  });

  test('nobody can state what a release sees for itself, or anything else', () => {
    const stated = { author: 'ada', approvals: ['grace'], advisories: { snapshotAt: 1, findings: [] } };
    assert.deepEqual(StatedFacts.parse(stated), stated);
    for (const more of [
      { revision: 'x' },
      { observed: {} },
      { inputs: {} },
      { evaluatedAt: 1 },
      { approvals: 'grace' },
    ])
      assert.equal(StatedFacts.safeParse({ ...stated, ...more }).success, false, JSON.stringify(more));
  });

  test('reach the evaluation of each host, of a file and of a flake, whatever they say', async () => {
    const odd = 'a"b\\c${builtins.currentSystem}\n$${x}';
    const facts = { approvals: [odd], observed: null };
    const echo =
      '{ toplevels.web-1 = { drvPath = "/nix/store/00000000000000000000000000000000-x.drv"; }; complianceWith = facts: { web-1 = facts; }; }';
    await writeFile(lab.at('source/echo.nix'), echo);
    await writeFile(lab.at('source/flake.nix'), '{ outputs = _: { fleet = import ./echo.nix; }; }');
    await rm(lab.at('source/flake.lock'));
    await lab.gitCommit('an echo');
    for (const at of ['echo.nix', '.#fleet']) {
      const source = parseFleetSource(at, { directory: lab.at('source') });
      const found = accepted(await lab.nix.instantiate(source, 'web-1', { facts }));
      assert.deepEqual(found.compliance, facts, at);
      const without = accepted(await lab.nix.instantiate(source, 'web-1'));
      assert.equal(without.compliance, null);
    }
  });

  test('a release evaluates each host with them', async () => {
    const says = 'throw "asked with ${facts.author} of ${facts.observed.revision}"';
    const asked = `let fleet = import ./fleet.nix; in fleet // { complianceWith = facts: ${says}; }`;
    await writeFile(lab.at('source/asked.nix'), asked);
    await lab.gitCommit('asks');
    const { commit } = await observed();
    const fleet = parseFleetSource('asked.nix', { directory: lab.at('source') });
    const run = await lab.release({ fleet, stated: { author: 'ada' }, isDryRun: true });
    assert.ok(!run.ok && run.detail.includes(`asked with ada of ${commit}`), JSON.stringify(run));
  });
});
