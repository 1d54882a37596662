import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { evaluate, evaluated } from './nix.ts';

const folder = join(import.meta.dirname, 'fixtures');
const refusedFile = join(import.meta.dirname, 'refused.nix');

/** Nix processes at once: the tests share the machine. */
const concurrency = 2;

/** Fleets that are right, each with the document it resolves to. */
export async function fixtureNames(): Promise<string[]> {
  const files = await readdir(folder);
  return files
    .filter((file) => file.endsWith('.nix'))
    .map((file) => file.slice(0, -'.nix'.length))
    .sort();
}

export function fixturePath(name: string, kind: 'nix' | 'json'): string {
  return join(folder, `${name}.${kind}`);
}

/** What mkFleet says to each case of refused.nix, as lines; null where it refuses nothing. */
export async function refusals(): Promise<Record<string, string[] | null>> {
  const names = (await evaluated({
    expression: `builtins.attrNames (import ${refusedFile})`,
  })) as string[];
  const messages = new Map<string, string[] | null>();
  const left = [...names];
  const worker = async (): Promise<void> => {
    for (let name = left.pop(); name !== undefined; name = left.pop()) {
      const result = await evaluate({ file: refusedFile }, name);
      messages.set(name, result.ok ? null : result.message.split('\n'));
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  return Object.fromEntries(names.map((name) => [name, messages.get(name) ?? null]));
}
