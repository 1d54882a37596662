import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import { runNixfleet } from './testing/run-nixfleet.ts';

const exec = promisify(execFile);
const nixHalf = join(import.meta.dirname, '..', '..', '..', 'nix');
const places = ['--control-plane', 'https://cp.example.org', '--cache', 'https://c.example.org'];

test('the flake that init writes hands over the drill that is under way, and those that were recorded', async (t) => {
  const folder = await temporaryFolder(t);
  const site = join(folder, 'site');
  const { code, stderr } = await nixfleet(folder, 'init', site, '--releases', 'f.git#releases', ...places);
  assert.equal(code, 0, stderr);
  await assertHandsDrillsOver(site);
});

test('the lines that adopt tells a flake to have do so as well', async (t) => {
  const folder = await temporaryFolder(t);
  const site = join(folder, 'site');
  await mkdir(site);
  const flake = (outputs: string): Promise<void> => writeFile(join(site, 'flake.nix'), `{ outputs = ${outputs}; }`);
  await flake('_: { nixosConfigurations = { }; }');
  const { code, stderr } = await nixfleet(folder, 'adopt', site, ...places);
  assert.equal(code, 0, stderr);
  const written = await readFile(join(site, 'fleet.nix'), 'utf8');
  const told = [...written.matchAll(/^# {3}(.*)$/gm)].map(([, line]) => line).join('\n');
  await flake(`inputs@{ self, nixfleet, ... }: { ${told} }`);
  await assertHandsDrillsOver(site);
});

async function temporaryFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'nixfleet-drill-lines-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

function nixfleet(home: string, ...args: readonly string[]): ReturnType<typeof runNixfleet> {
  const { NIX_CONFIG = '', NIX_REMOTE = '' } = process.env;
  return runNixfleet(args, { environment: { HOME: home, NIX_CONFIG, NIX_REMOTE } });
}

async function assertHandsDrillsOver(site: string): Promise<void> {
  const handedOver = async (): Promise<unknown> => {
    const expression = `let
        nixfleet = import ${nixHalf};
        lib = nixfleet // { mkFleet = options: options; inherit (nixfleet.testing) mkHost; };
        flake = import ${site}/flake.nix;
        self = { nixosConfigurations = { }; };
        inherit (flake.outputs { inherit self; nixfleet = { inherit lib; packages = { }; }; }) fleet;
      in { inherit (fleet) drill; inherit (fleet.release) isDirty drills; }`;
    const { stdout } = await exec('nix-instantiate', ['--eval', '--strict', '--json', '--expr', expression]);
    return JSON.parse(stdout);
  };
  assert.deepEqual(await handedOver(), { drill: null, isDirty: true, drills: [] });
  const plan = { failAt: 'runtime', until: 60, hosts: ['web-1'] };
  const record = { id: 'D-2026-0001', failAt: 'runtime', hosts: ['web-1'], passed: true };
  const times = { startedAt: '1970-01-01T00:00:10Z', endedAt: '1970-01-01T00:00:50Z' };
  await mkdir(join(site, 'compliance/drills'), { recursive: true });
  await writeFile(join(site, 'compliance/drill.json'), JSON.stringify(plan));
  await writeFile(join(site, 'compliance/drills/D-2026-0001.json'), JSON.stringify({ ...record, ...times }));
  const drills = [{ ...record, endedAt: 50, durationSeconds: 40 }];
  assert.deepEqual(await handedOver(), { drill: plan, isDirty: true, drills });
}
