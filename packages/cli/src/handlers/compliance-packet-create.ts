import { readdir, readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, join } from 'node:path';
import { type FleetName, HostName, Instant, pinTrust } from '@nixfleet/contracts';
import { nodeCrypto } from '@nixfleet/contracts/node-crypto';
import { isWithin } from '@nixfleet/evidence';
import { openGit, systemCommands } from '@nixfleet/release';
import { CliError } from '../cli-error.ts';
import type { CommandContext } from '../command-context.ts';
import type { ExitCode } from '../command-definition.ts';
import type { CommandValues } from '../command-values.ts';
import { absolutePath } from '../config/absolute-path.ts';
import { loadSettings, requireSetting } from '../config/settings.ts';
import { readDrills } from '../drill/drill-files.ts';
import { createPacket } from '../packet/create-packet.ts';
import { openPool } from '../packet/open-pool.ts';
import { showFindings } from '../packet/show-findings.ts';
import { parseTyped } from '../parse-typed.ts';
import { printable } from '../printable.ts';
import { fleetOf } from '../verification/open-chain.ts';
import { openReleases } from '../verification/releases-place.ts';

export async function run(context: CommandContext, values: CommandValues): Promise<ExitCode> {
  const { terminal, clock } = context;
  const base = { base: context.workingDirectory, home: context.environment.HOME ?? homedir() };
  const need = (name: 'from' | 'to' | 'evidence' | 'output'): string => {
    const text = values.text(name);
    if (text === undefined) throw new CliError('usage', `--${name} is missing`, 'see --help');
    return text;
  };
  const from = parseTyped(Instant, need('from'), '--from');
  const to = parseTyped(Instant, need('to'), '--to');
  if (to <= from) throw new CliError('usage', '--to is not after --from', 'the end is exclusive');
  const evidence = absolutePath(need('evidence'), base);
  const output = absolutePath(need('output'), base);
  const settings = await loadSettings(context, values);
  const place = await openReleases(context, requireSetting(settings, 'releases'));
  const start = new Uint8Array(await readFile(requireSetting(settings, 'trust')));
  const fleet = settings.values.fleet ?? fleetOf(start, '--trust');
  const ctx = { crypto: nodeCrypto, fleet };
  const pinned = await pinTrust(ctx, start);
  if (!pinned.ok) throw new CliError('failed', `${settings.values.trust}: ${pinned.detail}`, 'name a trust document');
  const hosts = await hostsOf(values, evidence);
  const drills = values.text('drills');
  const folder = drills === undefined ? null : absolutePath(drills, base);
  const source = values.text('source');
  const git =
    source === undefined
      ? null
      : openGit({ commands: systemCommands({ clock }), directory: absolutePath(source, base) });

  const folders = hosts.map((host) => join(evidence, host));
  await using pool = await openPool(context, values, folders);
  const found = await createPacket({
    ctx,
    place,
    start,
    pinned: pinned.value,
    hosts,
    from,
    to,
    evidence,
    onSkipped: (path, why) => terminal.talk(`warning: ${printable(path)} ${why}`),
    journalOf: (host) => optionalFile(join(evidence, host, 'journal.jsonl')),
    commitOf: async (commit) => {
      const object = await git?.try(['cat-file', '-e', `${commit}^{commit}`]);
      return git && object?.ok ? git.bytes(['cat-file', 'commit', commit]) : null;
    },
    drills: await drillsOf(folder, fleet, { from, to }),
    output,
    pool,
    signal: context.signal,
  });
  return showFindings(terminal, found, { isJson: values.flag('json') });
}

async function hostsOf(values: CommandValues, evidence: string): Promise<readonly HostName[]> {
  const named = values.list('host');
  const all = named.length > 0 ? named : await foldersOf(evidence);
  if (all.length === 0) throw new CliError('failed', `${evidence}: no host has evidence here`, 'check --evidence');
  return [...new Set(all)].sort().map((name) => parseTyped(HostName, name, '--host'));
}

async function foldersOf(directory: string): Promise<readonly string[]> {
  const entries = await readdir(directory, { withFileTypes: true }).catch((cause: unknown) => {
    throw new CliError('failed', `${directory}: cannot be read`, 'check --evidence', { cause });
  });
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
}

/** Those that ended in the period, with their signatures. */
async function drillsOf(
  folder: string | null,
  fleet: FleetName,
  period: { readonly from: Instant; readonly to: Instant },
): Promise<ReadonlyMap<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>();
  for (const { path, bytes, document, signatures } of folder === null ? [] : await readDrills(folder, fleet)) {
    if (!isWithin(period, document)) continue;
    files.set(basename(path), bytes);
    for (const [name, armored] of signatures) files.set(name, new TextEncoder().encode(armored));
  }
  return files;
}

async function optionalFile(path: string): Promise<Uint8Array | null> {
  return readFile(path).then(
    (bytes) => new Uint8Array(bytes),
    () => null,
  );
}
