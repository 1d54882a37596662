import { cp, mkdir, realpath, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { execPath } from 'node:process';
import type { DemoHost, Layout } from './layout.ts';
import { quote } from './programs.ts';

type HostLayout = ReturnType<Layout['host']>;

/** Where probes find their program, and the Node that runs it. */
export interface ProbePrograms {
  readonly bin: string;
  readonly node: string;
}

/**
 * Where they lie; or copies in `directory`, where root runs the demo from a folder of its own: the probes run as nobody, to whom
 * that is closed.
 */
export async function probePrograms(nixfleet: string, directory: string): Promise<ProbePrograms> {
  const bin = dirname(await realpath(nixfleet));
  const node = await realpath(execPath);
  if (process.getuid?.() !== 0 || ((await isOpen(bin)) && (await isOpen(node)))) return { bin, node };
  await cp(bin, join(directory, 'bin'), { recursive: true });
  await cp(node, join(directory, 'node'));
  return { bin: join(directory, 'bin'), node: join(directory, 'node') };
}

/** Everybody may go through the folders above. */
async function isOpen(path: string): Promise<boolean> {
  const above = dirname(path);
  if (above === path) return true;
  return ((await stat(above)).mode & 0o001) !== 0 && isOpen(above);
}

/** What the unit of the collector does on a real machine, where the catalogue is in /etc and the probes are a package. */
export async function writeCollector(
  { collector, key, store, system }: HostLayout,
  nixfleet: string,
  { bin, node }: ProbePrograms,
): Promise<void> {
  await mkdir(collector.directory, { recursive: true });
  const args = [
    ...['compliance', 'collect', '--directory', collector.directory, '--key', key, '--fleet', 'demo'],
    ...['--store', store, '--system-root', system],
  ];
  const script = `#!/bin/sh
set -eu
# Probes are given the PATH and nothing else: their launcher finds Node on it.
export PATH=${quote(bin)}:${quote(dirname(node))}:$PATH NIXFLEET_NODE=${quote(node)}
running=$(readlink ${quote(join(system, 'run', 'current-system'))})
exec ${[nixfleet, ...args].map(quote).join(' ')} --catalogue ${quote(store)}"$running/etc/nixfleet/compliance.json"
`;
  await writeFile(collector.script, script, { mode: 0o755 });
}

/** What an auditor is handed: the collections of each host as they lie there, and its journal. */
export async function gatherEvidence(layout: Layout, hosts: readonly DemoHost[]): Promise<void> {
  const { evidence } = layout.audit;
  for (const name of hosts) {
    const { collector, state } = layout.host(name);
    // The journal first: it names collections, and each has to be there.
    await mkdir(join(evidence, name), { recursive: true });
    await cp(join(state, 'journal', 'journal.jsonl'), join(evidence, name, 'journal.jsonl'));
    await cp(join(collector.directory, 'archive'), join(evidence, name), { recursive: true });
  }
}
