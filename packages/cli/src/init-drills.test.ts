import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { runNixfleet } from './testing/run-nixfleet.ts';

const exec = promisify(execFile);
const nixHalf = join(import.meta.dirname, '..', '..', '..', 'nix');

test('the flake that init writes hands over the drill that is under way, and those that were recorded', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'nixfleet-init-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const site = join(folder, 'site');
  const places = ['--releases', 'f.git#releases', '--control-plane', 'https://cp.example.org'];
  const { code, stderr } = await runNixfleet(['init', site, ...places, '--cache', 'https://c.example.org'], {
    environment: { HOME: folder },
  });
  assert.equal(code, 0, stderr);
  const handedOver = async (): Promise<unknown> => {
    const expression = `let
        nixfleet = import ${nixHalf};
        lib = nixfleet // { mkFleet = options: options; inherit (nixfleet.testing) mkHost; };
        flake = import ${site}/flake.nix;
        inherit (flake.outputs { self = { }; nixfleet = { inherit lib; packages = { }; }; }) fleet;
      in { inherit (fleet) drill; inherit (fleet.release) drills; }`;
    const { stdout } = await exec('nix-instantiate', ['--eval', '--strict', '--json', '--expr', expression]);
    return JSON.parse(stdout);
  };
  assert.deepEqual(await handedOver(), { drill: null, drills: [] });
  const plan = { failAt: 'runtime', until: 60, hosts: ['web-1'] };
  const record = { id: 'D-2026-0001', failAt: 'runtime', hosts: ['web-1'], passed: true };
  const times = { startedAt: '1970-01-01T00:00:10Z', endedAt: '1970-01-01T00:00:50Z' };
  await mkdir(join(site, 'compliance/drills'), { recursive: true });
  await writeFile(join(site, 'compliance/drill.json'), JSON.stringify(plan));
  await writeFile(join(site, 'compliance/drills/D-2026-0001.json'), JSON.stringify({ ...record, ...times }));
  const drills = [{ ...record, endedAt: 50, durationSeconds: 40 }];
  assert.deepEqual(await handedOver(), { drill: plan, drills });
});
