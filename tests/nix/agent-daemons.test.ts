import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { evaluated } from './nix.ts';

interface Daemons {
  readonly deadManPath: string;
  readonly deadMan: string;
  readonly agent: readonly string[];
  readonly recover: readonly string[];
}

const daemons = async (settings = ''): Promise<Daemons> => {
  const expression = `
    let
      data = import ./nix/modules/agent-daemons.nix { nixfleet = "/nix/store/x-nixfleet"; searchPath = "/usr/bin:/bin"; ${settings} };
    in {
      inherit (data) deadManPath deadMan;
      agent = data.daemons.nixfleet-agent.ProgramArguments;
      recover = data.daemons.nixfleet-recover.ProgramArguments;
    }`;
  return (await evaluated({ expression })) as Daemons;
};

function isShell(text: string): void {
  const checked = spawnSync('/bin/sh', ['-n'], { input: text, encoding: 'utf8' });
  assert.equal(checked.status, 0, checked.stderr);
}

test('a dead man’s switch that a POSIX shell takes, with its own PATH', async () => {
  const { deadMan, deadManPath } = await daemons();
  assert.equal(deadManPath, 'etc/nixfleet/dead-man');
  assert.ok(deadMan.startsWith('#!/bin/sh\nPATH=/usr/bin:/bin\nexport PATH\n'));
  isShell(deadMan);
});

test('jobs wait for the store, and the agent for the job that picks up after a boot', async () => {
  const { agent, recover } = await daemons(`stateDirectory = "/it's state";`);
  for (const [shell, flag, command] of [agent, recover]) {
    assert.deepEqual([shell, flag], ['/bin/sh', '-c']);
    assert.match(command ?? '', /^\/bin\/wait4path \/nix\/store && /);
    isShell(command ?? '');
  }
  assert.match(recover[2] ?? '', /recover '\/it'\\''s state\/switch'$/);
  assert.match(
    agent[2] ?? '',
    /nixfleet-recovered[\s\S]*exec \/nix\/store\/x-nixfleet\/bin\/nixfleet agent run --config \/etc\/nixfleet\/agent\.json$/,
  );
});
