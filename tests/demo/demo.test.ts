import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { steps } from '../../demo/story.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const run = promisify(execFile);

// The whole product as it ships, driven from outside: the same that `make demo` shows.
test('the shipped bundle plays every step of the demo', { timeout: 290_000 }, async () => {
  await run(process.execPath, [`${root}scripts/build.ts`], { cwd: root });
  const { stdout } = await run(`${root}dist/nixfleet`, ['demo'], { cwd: root, maxBuffer: 4 * 1024 * 1024 });
  for (const { title } of steps) assert.ok(stdout.includes(title), `${title}\n${stdout}`);
  const shown = [
    /static-gate canary-1 failed: service-hardening SH-01: compliance\.controls\.serviceHardening\.neededServices/,
    /observed .*services\.avahi\.enable/,
    /fix: /,
    /synthetic-always-fail fails under enforce, reverted by the agent/,
    /wave-held: the later waves waited: after \d+ s/,
    /drill D-\d{4}-0001 {2}passed {2}runtime on canary-1/,
    /broken \(file\) hosts\/canary-1\/journal\.jsonl/,
  ];
  for (const line of shown) assert.match(stdout, line);
  assert.match(stdout, /Proven in \d+ s/);
});
