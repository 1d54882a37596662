// `nixfleet demo`: the reference fleet, from an empty directory to the last step, with the shipped executable.
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { DemoFleet } from './demo-fleet.ts';
import { Narrator } from './narrator.ts';
import { summarise } from './observer.ts';
import { run } from './programs.ts';
import { steps } from './story.ts';

const { values } = parseArgs({ options: { keep: { type: 'boolean' }, nixfleet: { type: 'string' } } });
const nixfleet = values.nixfleet;
if (nixfleet === undefined) throw new Error('demo: expected --nixfleet PATH');

const tell = new Narrator(process.stdout.isTTY === true);
const root = await mkdtemp(join(tmpdir(), 'nixfleet-demo-'));
// Run by root, probes that need no privilege run as nobody, who has to reach the hosts' stores. All else is closed to others.
process.umask(0o022);
await chmod(root, 0o711);
const interrupted = new Promise<void>((resolve) => {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
});

let failed: string | null = null;
let hasEnded = false;
const fleet = new DemoFleet({ root, nixfleet, tell });
try {
  await Promise.race([
    interrupted.then(() => {
      if (!hasEnded) throw new Error('interrupted');
    }),
    play(),
  ]);
  hasEnded = true;
  if (values.keep) {
    tell.title('It is still running');
    for (const line of fleet.howToLookCloser()) tell.say(line);
    tell.say('Ctrl-C ends it.');
    await interrupted;
  }
} catch (error) {
  failed = error instanceof Error ? error.message : String(error);
  const view = await fleet.lastView();
  tell.fail(failed);
  if (view) for (const line of summarise(view).split('\n')) tell.detail(line);
  tell.say(`Logs: ${join(root, 'logs')}`);
} finally {
  await fleet[Symbol.asyncDispose]();
  if (failed === null) {
    // Store paths are read-only, which holds for everybody but root; what cannot be removed is what rm then says.
    await run(['chmod', '-R', 'u+w', root]);
    await rm(root, { recursive: true, force: true });
  }
}
process.exitCode = failed === null ? 0 : 1;

async function play(): Promise<void> {
  tell.title('Setting up: keys, trust, a forge, a cache, a control plane, four hosts');
  await fleet.setUp();
  for (const { title, play: playStep } of steps) {
    tell.title(title);
    await playStep({ fleet, tell });
  }
  tell.title(`Proven in ${Math.round(tell.elapsedSeconds)} s`);
  for (const claim of tell.proven) tell.say(`- ${claim}`);
  tell.say('Look closer: make demo KEEP=1, then nixfleet status, why, rollout list, rollout events, verify.');
}
