// What the documentation says of the agent's unit, asked of systemd.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { evaluated } from '../nix/nix.ts';
import { command } from './harness/command.ts';

const documentation = readFileSync(join(import.meta.dirname, '../../docs/agent.md'), 'utf8');
const expression = `
  let
    text = import ./nix/testing/unit-text.nix;
    units = store: import ./nix/modules/agent-units.nix { nixfleet = "/usr"; searchPath = "/usr/bin:/bin"; inherit store; };
  in {
    daemon = text (units "daemon").services.nixfleet-agent;
    direct = text (units "direct").services.nixfleet-agent;
  }`;

test('the score of the agent’s unit, and what exposes it, are what the documentation says', async () => {
  const texts = (await evaluated({ expression })) as Readonly<Record<'daemon' | 'direct', string>>;
  const folder = mkdtempSync(join(tmpdir(), 'nixfleet-unit-'));
  try {
    const analysed = (store: 'daemon' | 'direct'): string => {
      const unit = join(folder, 'nixfleet-agent.service');
      writeFileSync(unit, texts[store]);
      return command('systemd-analyze', 'security', '--offline=true', '--no-pager', unit);
    };
    const scoreOf = (report: string): string | undefined => /exposure level for \S+: ([0-9.]+)/.exec(report)?.[1];
    const [daemon, direct] = [analysed('daemon'), analysed('direct')];
    const said = /says ([0-9.]+) with the Nix daemon, ([0-9.]+) with a direct store/.exec(documentation);
    assert.deepEqual([scoreOf(daemon), scoreOf(direct)], [said?.[1], said?.[2]]);
    const exposed = [...daemon.matchAll(/^✗ (\S+)/gm)].map(([, setting]) => setting ?? '');
    assert.ok(exposed.length > 0);
    const named = documentation.replaceAll('\\|', '|');
    assert.deepEqual(
      exposed.filter((setting) => !named.includes(`\`${setting}\``)),
      [],
      'not explained',
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
});
