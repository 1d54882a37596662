import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { addSeconds, canonicalBytes, type Instant, type Json, msToInstant } from '@nixfleet/contracts';
import { createTestFleet, TestEvidence, type TestFleet, testCatalogue, testRule } from '@nixfleet/testkit';
import { runNixfleet } from '../testing/run-nixfleet.ts';

const exec = promisify(execFile);

describe('compliance check', () => {
  let root: string;
  let fleet: TestFleet;
  let evidence: TestEvidence;
  const at = (...names: string[]) => join(root, ...names);

  before(async () => {
    root = await mkdtemp(join(tmpdir(), 'nixfleet-check-'));
    fleet = await createTestFleet({ now: msToInstant(Date.now()) });
    await fleet.publish();
    evidence = new TestEvidence(fleet, 'web-1');
    await writeFile(at('host.pub'), `${(await fleet.hostKey('web-1')).openssh} root@web-1\n`);
    await writeFile(at('other.pub'), `${(await fleet.hostKey('db')).openssh}\n`);
  });
  after(() => rm(root, { recursive: true, force: true }));

  /** Leaves what a collector would, as the newest document. */
  async function keep(options: Parameters<TestEvidence['collect']>[0]): Promise<void> {
    const { bytes, sig, sshsig } = await evidence.collect(options);
    await mkdir(at('kept'), { recursive: true });
    await writeFile(at('kept', 'evidence.json'), bytes);
    await writeFile(at('kept', 'evidence.json.sig'), sig);
    await writeFile(at('kept', 'evidence.json.sshsig'), sshsig);
  }

  const check = (...more: string[]) =>
    runNixfleet(['compliance', 'check', '--directory', at('kept'), '--key', at('host.pub'), ...more]);
  const ago = (seconds: number): Instant => addSeconds(msToInstant(Date.now()), -seconds);

  test('fresh, and signed by this host: a line a control; 3 where that is asked and one fails', async () => {
    await keep({ at: ago(60), failing: ['AC-01'] });
    const { code, stdout, stderr } = await check();
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^web-1: evidence 1 of \S+, of release [0-9a-f]{12}$/m);
    assert.match(stdout, /^signature: verified, by this host’s own key$/m);
    assert.match(stdout, /^age: (?:5\d|6\d|7\d) s|1 min$/m);
    assert.match(stdout, /^access-control +enforce +fail +fail +AC-01$/m);
    assert.match(stdout, /^platform +enforce +not-applicable +none$/m);
    assert.equal((await check('--require-compliant')).code, 3);
    const { signature, decision, isStale, controls } = JSON.parse((await check('--json')).stdout);
    assert.deepEqual([signature, decision, isStale, controls.length], ['verified', 'fail', false, 4]);
    await keep({ at: ago(50) });
    assert.equal((await check('--require-compliant')).code, 0);
  });

  test('older than two hours it is stale, and not a second before', async () => {
    await keep({ at: ago(7150) });
    assert.equal((await check()).code, 0);
    await keep({ at: ago(7205) });
    const { code, stdout } = await check();
    assert.equal(code, 1);
    assert.match(stdout, /^age: 2 h: stale, expected at most 2 h$/m);
    assert.equal((await check('--require-compliant')).code, 1);
  });

  test('what this host did not sign is told as such, and nothing of it is shown', async () => {
    await keep({ at: ago(60) });
    const other = await runNixfleet(['compliance', 'check', '--directory', at('kept'), '--key', at('other.pub')]);
    assert.equal(other.code, 1);
    assert.match(other.stdout, /^signature: key-mismatch: /m);
    assert.doesNotMatch(other.stdout, /access-control/);
    await rm(at('kept', 'evidence.json.sig'));
    const unsigned = await check('--json');
    assert.equal(unsigned.code, 1);
    const { signature, controls } = JSON.parse(unsigned.stdout);
    assert.deepEqual([signature, controls], ['unsigned', []]);
    await writeFile(at('kept', 'evidence.json'), '{"x":');
    const malformed = await check();
    assert.equal(malformed.code, 1);
    assert.match(malformed.stderr, /^nixfleet: [^\n]*evidence\.json: malformed: [^\n]+\n$/);
  });

  test('nothing there, or no key: one line', async () => {
    for (const args of [
      ['--directory', at('nowhere'), '--key', at('host.pub')],
      ['--directory', at('kept'), '--key', at('nowhere.pub')],
    ]) {
      const { code, stderr } = await runNixfleet(['compliance', 'check', ...args]);
      assert.equal(code, 1);
      assert.match(stderr, /^nixfleet: [^\n]+\n$/);
    }
  });

  test('--live is for root, who gets what the probes say now; nothing is signed or kept', async () => {
    const isRoot = process.getuid?.() === 0;
    const nobody = isRoot ? { uid: 65_534 } : {};
    const refused = await runNixfleet(['compliance', 'check', '--live', '--directory', at('kept')], nobody);
    assert.equal(refused.code, 1, refused.stderr);
    assert.match(refused.stderr, /^nixfleet: --live: [^\n]+\n$/);
    if (!isRoot) return;
    await installSystem(at('live'));
    const live = () =>
      runNixfleet(
        [
          ...['compliance', 'check', '--live', '--json', '--require-compliant', '--directory', at('live', 'kept')],
          ...['--catalogue', at('live', 'catalogue.json'), '--store', at('live'), '--system-root', at('live')],
        ],
        { environment: { PATH: process.env.PATH ?? '' } },
      );
    await mkdir(at('live', 'kept'));
    await writeFile(at('live', 'answer.json'), '{"violationCount":0}');
    const good = await live();
    assert.equal(good.code, 0, good.stderr);
    const { signature, sequence, decision, host } = JSON.parse(good.stdout);
    assert.deepEqual([signature, sequence, decision, host], ['none', null, 'pass', 'web-1']);
    await writeFile(at('live', 'answer.json'), '{"violationCount":1}');
    const bad = await live();
    assert.equal(bad.code, 3, bad.stderr);
    assert.deepEqual(JSON.parse(bad.stdout).controls[0].failing, ['AC-01']);
    assert.deepEqual(await readdir(at('live', 'kept')), []);
  });

  /** A store with a system whose one probe prints `answer.json`, and the catalogue that names it. */
  async function installSystem(directory: string): Promise<void> {
    const source = at('system');
    await mkdir(join(source, 'bin'), { recursive: true });
    await writeFile(join(source, 'bin', 'probe'), `#!/bin/sh\ncat ${join(directory, 'answer.json')}\n`);
    await chmod(join(source, 'bin', 'probe'), 0o755);
    await mkdir(join(directory, 'run'), { recursive: true });
    const { stdout } = await exec('nix-store', ['--store', directory, '--add', source]);
    const toplevel = stdout.trim();
    await symlink(toplevel, join(directory, 'run', 'current-system'));
    const rule = testRule('AC-01');
    const control = { ...(testCatalogue('web-1').controls[0] ?? assert.fail()) };
    const probe = { ...rule.probe, command: `${toplevel}/bin/probe`, args: [] };
    const catalogue = testCatalogue('web-1', [{ ...control, rules: [{ ...rule, probe }] }]);
    await writeFile(join(directory, 'catalogue.json'), canonicalBytes(catalogue as unknown as Json));
  }
});
