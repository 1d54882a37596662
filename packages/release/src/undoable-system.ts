import { readFile, stat } from 'node:fs/promises';
import type { StorePath } from '@nixfleet/contracts';
import { z } from 'zod';
import { resolveBelow } from './resolve-below.ts';

/** What a closure must contain for a switch to it to be undone by itself: `nix/modules/agent-units.nix`. */
const deadMan = 'etc/nixfleet/dead-man';
const recoverUnit = 'etc/systemd/system/nixfleet-recover.service';
const settings = 'etc/nixfleet/agent.json';
const settingsBytesMax = 1024 * 1024;
const Settings = z.object({ backend: z.object({ kind: z.string() }) });

const fix = 'import the module of the agent and set services.nixfleet-agent.enable = true in its configuration';

/**
 * Why no agent would switch a NixOS machine to this closure, in one line with what to do; null where nothing is against
 * it. Agents refuse such a closure as `not-a-system`, host after host: this says so before anything is signed. What is no
 * NixOS, or is run by another backend, needs no such thing; a store that cannot be looked into is left to the agents.
 */
export async function undoObstacle(closure: StorePath, { root }: { readonly root: string }): Promise<string | null> {
  const at = (path: string) => resolveBelow(root, `${root}${closure}/${path}`);
  if (!(await isNixos(at))) return null;
  const script = await found(await at(deadMan));
  if (!script?.isFile() || (script.mode & 0o111) === 0) {
    return `${closure}/${deadMan} is not a program: no agent could undo a switch to this system; ${fix}`;
  }
  if (!(await found(await at(recoverUnit)))) {
    return `${closure}/${recoverUnit} is not there: no agent could undo a switch to this system after a reboot; ${fix}`;
  }
  return null;
}

async function isNixos(at: (path: string) => Promise<string | null>): Promise<boolean> {
  const path = await at(settings);
  const size = (await found(path))?.size;
  if (path !== null && size !== undefined && size <= settingsBytesMax) {
    const parsed = Settings.safeParse(parseJson(await readFile(path, 'utf8')));
    if (parsed.success) return parsed.data.backend.kind === 'nixos';
  }
  return (await found(await at('etc/systemd/system'))) !== null;
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
