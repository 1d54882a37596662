import { cp, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { execPath } from 'node:process';
import type { DemoHost, Layout } from './layout.ts';
import { quote } from './programs.ts';

type HostLayout = ReturnType<Layout['host']>;

/** What the unit of the collector does on a real machine, where the catalogue is in /etc and the probes are a package. */
export async function writeCollector({ collector, key, store, system }: HostLayout, nixfleet: string): Promise<void> {
  await mkdir(collector.directory, { recursive: true });
  const args = [
    ...['compliance', 'collect', '--directory', collector.directory, '--key', key, '--fleet', 'demo'],
    ...['--store', store, '--system-root', system],
  ];
  const script = `#!/bin/sh
set -eu
export PATH=${quote(dirname(nixfleet))}:$PATH NIXFLEET_NODE=${quote(execPath)}
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
