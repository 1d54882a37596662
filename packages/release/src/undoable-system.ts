import { readFile, stat } from 'node:fs/promises';
import type { StorePath } from '@nixfleet/contracts';
import { z } from 'zod';
import { resolveBelow } from './resolve-below.ts';

const deadMan = 'etc/nixfleet/dead-man';
/** What a closure must contain for an agent to switch to it and for the switch to be undone by itself, by backend. */
const needs = {
  // nix/modules/agent-units.nix
  nixos: { programs: [deadMan], afterBoot: 'etc/systemd/system/nixfleet-recover.service' },
  // nix/modules/agent-daemons.nix
  darwin: {
    programs: ['activate', deadMan],
    afterBoot: 'Library/LaunchDaemons/org.nixos.nixfleet-recover.plist',
  },
} as const;
type Backend = keyof typeof needs;

const settings = 'etc/nixfleet/agent.json';
const settingsBytesMax = 1024 * 1024;
const Settings = z.object({ backend: z.object({ kind: z.string() }) });

const fix = 'import the module of the agent and set services.nixfleet-agent.enable = true in its configuration';

/**
 * Why no agent would switch a machine to this closure, in one line with what to do; null where nothing is against it. Agents
 * refuse such a closure as `not-a-system`, host after host: this says so before anything is signed. What is neither NixOS nor
 * nix-darwin, or is run by another backend, needs no such thing; a store that cannot be looked into is left to the agents.
 */
export async function undoObstacle(closure: StorePath, { root }: { readonly root: string }): Promise<string | null> {
  const at = (path: string) => resolveBelow(root, `${root}${closure}/${path}`);
  const backend = await backendOf(at);
  if (backend === null) return null;
  const { programs, afterBoot } = needs[backend];
  for (const program of programs) {
    const file = await found(await at(program));
    if (file?.isFile() && (file.mode & 0o111) !== 0) continue;
    return `${closure}/${program} is not a program: no agent could undo a switch to this system; ${fix}`;
  }
  if (await found(await at(afterBoot))) return null;
  return `${closure}/${afterBoot} is not there: no agent could undo a switch to this system after a reboot; ${fix}`;
}

/** By the agent's own settings in it; without any that can be read by what only these systems have. */
async function backendOf(at: (path: string) => Promise<string | null>): Promise<Backend | null> {
  const path = await at(settings);
  const size = (await found(path))?.size;
  if (path !== null && size !== undefined && size <= settingsBytesMax) {
    const parsed = Settings.safeParse(parseJson(await readFile(path, 'utf8')));
    const kind = parsed.success ? parsed.data.backend.kind : null;
    if (kind !== null) return kind === 'nixos' || kind === 'darwin' ? kind : null;
  }
  if ((await found(await at('etc/systemd/system'))) !== null) return 'nixos';
  return (await found(await at('darwin-version'))) === null ? null : 'darwin';
}

function found(path: string | null) {
  return path === null ? null : stat(path).catch(() => null);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
