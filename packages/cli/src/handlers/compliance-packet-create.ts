import { readdir, readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { HostName, Instant, pinTrust } from '@nixfleet/contracts';
import { nodeCrypto } from '@nixfleet/contracts/node-crypto';
import { openGit, systemCommands } from '@nixfleet/release';
import { CliError } from '../cli-error.ts';
import type { CommandContext } from '../command-context.ts';
import type { ExitCode } from '../command-definition.ts';
import type { CommandValues } from '../command-values.ts';
import { absolutePath } from '../config/absolute-path.ts';
import { loadSettings, requireSetting } from '../config/settings.ts';
import { collectedEvidence, signedFiles } from '../packet/collected-evidence.ts';
import { createPacket } from '../packet/create-packet.ts';
import { showFindings } from '../packet/show-findings.ts';
import { parseTyped } from '../parse-typed.ts';
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
  const source = values.text('source');
  const git =
    source === undefined
      ? null
      : openGit({ commands: systemCommands({ clock }), directory: absolutePath(source, base) });

  const found = await createPacket({
    ctx,
    place,
    start,
    pinned: pinned.value,
    hosts,
    from,
    to,
    output,
    async evidenceOf(host) {
      const files = await collectedEvidence(evidence, { host, from, to }, (path, why) => {
        terminal.talk(`warning: ${path} ${why}`);
      });
      const releases = new Set(files.flatMap(({ document }) => (document.release ? [document.release.releaseId] : [])));
      return { collections: signedFiles(files), releases };
    },
    journalOf: (host) => optionalFile(join(evidence, host, 'journal.jsonl')),
    commitOf: async (commit) => {
      const object = await git?.try(['cat-file', '-e', `${commit}^{commit}`]);
      return git && object?.ok ? git.bytes(['cat-file', 'commit', commit]) : null;
    },
    drills: await drillsOf(values.text('drills'), base),
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

async function drillsOf(
  typed: string | undefined,
  base: { readonly base: string; readonly home: string },
): Promise<ReadonlyMap<string, Uint8Array>> {
  if (typed === undefined) return new Map();
  const directory = absolutePath(typed, base);
  const names = (await readdir(directory)).filter((name) =>
    /^D-\d{4}-\d{4}\.json(?:\.[0-9a-f]{64}\.sshsig)?$/.test(name),
  );
  const files = new Map<string, Uint8Array>();
  for (const name of names.sort()) files.set(name, new Uint8Array(await readFile(join(directory, name))));
  return files;
}

async function optionalFile(path: string): Promise<Uint8Array | null> {
  return readFile(path).then(
    (bytes) => new Uint8Array(bytes),
    () => null,
  );
}
