import { readdir, readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, join } from 'node:path';
import { type FleetName, HostName, type Instant, utf8 } from '@nixfleet/contracts';
import { isWithin } from '@nixfleet/evidence';
import { openGit, systemCommands } from '@nixfleet/release';
import { CliError } from '../cli-error.ts';
import type { CommandContext } from '../command-context.ts';
import type { ExitCode } from '../command-definition.ts';
import type { CommandValues } from '../command-values.ts';
import { signaturePath } from '../compliance/approved-files.ts';
import { absolutePath } from '../config/absolute-path.ts';
import { readDrills } from '../drill/drill-files.ts';
import { createPacket } from '../packet/create-packet.ts';
import { openPool } from '../packet/open-pool.ts';
import { showFindings } from '../packet/show-findings.ts';
import { typedPeriod } from '../packet/typed-period.ts';
import { parseTyped } from '../parse-typed.ts';
import { printable } from '../printable.ts';
import { openPinned } from '../verification/open-pinned.ts';

export async function run(context: CommandContext, values: CommandValues): Promise<ExitCode> {
  const { terminal, clock } = context;
  const base = { base: context.workingDirectory, home: context.environment.HOME ?? homedir() };
  const { from, to } = typedPeriod(values);
  const need = (name: 'evidence' | 'output'): string => {
    const text = values.text(name);
    if (text === undefined) throw new CliError('usage', `--${name} is missing`, 'see --help');
    return text;
  };
  const evidence = absolutePath(need('evidence'), base);
  const output = absolutePath(need('output'), base);
  const { ctx, place, start, pinned } = await openPinned(context, values);
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
    pinned,
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
    drills: await drillsOf(folder, ctx.fleet, { from, to }),
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
  for (const { path, bytes, document, sshSignatures } of folder === null ? [] : await readDrills(folder, fleet)) {
    if (!isWithin(period, document)) continue;
    files.set(basename(path), bytes);
    for (const [keyId, armored] of sshSignatures) files.set(basename(signaturePath(path, keyId)), utf8(armored));
  }
  return files;
}

async function optionalFile(path: string): Promise<Uint8Array | null> {
  return readFile(path).then(
    (bytes) => new Uint8Array(bytes),
    () => null,
  );
}
