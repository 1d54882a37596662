import { readdir, readlink, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { StorePath } from '@nixfleet/contracts';

/** Specialisations of one system that are looked at. */
const specialisationsMax = 64;

/** A system as it runs: itself, or one of the variants that its closure brings in `specialisation/`. */
export interface Variant {
  /** The system that a release names. */
  readonly system: StorePath;
  /** Null: the system itself. */
  readonly specialisation: string | null;
  /** What `/run/current-system` points at. */
  readonly path: StorePath;
}

/** Which of these systems `path` is, or is a specialisation of; null for none. A system counts before what it brings. */
export async function variantOf(path: StorePath, systems: readonly StorePath[]): Promise<Variant | null> {
  if (systems.includes(path)) return { system: path, specialisation: null, path };
  for (const system of systems) {
    for (const specialisation of await specialisationsOf(system)) {
      if ((await specialised(system, specialisation)) === path) return { system, specialisation, path };
    }
  }
  return null;
}

/** The variant of `system` with this name that can be switched to; null where it has none. */
export async function specialised(system: StorePath, name: string): Promise<StorePath | null> {
  const parsed = StorePath.safeParse(await readlink(join(system, 'specialisation', name)).catch(() => null));
  if (!parsed.success) return null;
  const program = await stat(join(parsed.data, 'bin/switch-to-configuration')).catch(() => null);
  return program?.isFile() ? parsed.data : null;
}

async function specialisationsOf(system: StorePath): Promise<readonly string[]> {
  const names = await readdir(join(system, 'specialisation')).catch(() => []);
  return names.sort().slice(0, specialisationsMax);
}
