import { mkdir } from 'node:fs/promises';
import { availableParallelism, homedir, totalmem } from 'node:os';
import { join } from 'node:path';
import { HostName, SystemName } from '@nixfleet/contracts';
import { systemClock } from '@nixfleet/contracts/node-clock';
import { nodeCrypto } from '@nixfleet/contracts/node-crypto';
import {
  type BinaryCache,
  type Commands,
  type EvaluationLimits,
  type FleetSource,
  type Git,
  openCache,
  openGit,
  type Progress,
  type PushTarget,
  parseFleetSource,
  type ReleasePorts,
  StatedFacts,
  systemNix,
  systemProcessMemory,
} from '@nixfleet/release';
import { CliError } from '../cli-error.ts';
import type { CommandContext } from '../command-context.ts';
import type { CommandValues } from '../command-values.ts';
import { absolutePath } from '../config/absolute-path.ts';
import { parseTyped } from '../parse-typed.ts';
import { printable } from '../printable.ts';
import { readSettingsJson } from '../read-json-file.ts';
import { xdgDirectory } from './target.ts';

const mebibyte = 1024 * 1024;
/** What one evaluator of a NixOS host is expected to take, in bytes. */
const workerBytes = 1024 * mebibyte;
const atOnceDefault = 4;
const atOnceMax = 256;

export interface BuildSetup {
  readonly ports: ReleasePorts;
  readonly fleet: FleetSource;
  /** Null for a flake that is somewhere else. */
  readonly sourceGit: Git | null;
  readonly stated: StatedFacts;
  readonly systems: readonly SystemName[] | 'all';
  readonly limits: EvaluationLimits;
  readonly buildsMax: number;
  readonly rootsDirectory: string;
  readonly push: PushTarget | null;
}

/** What `buildOptions` say. */
export async function openBuild(
  context: CommandContext,
  values: CommandValues,
  { commands, progress }: { readonly commands: Commands; readonly progress: Progress },
): Promise<BuildSetup> {
  const { workingDirectory, environment } = context;
  const from = { base: workingDirectory, home: environment.HOME ?? homedir() };
  const attribute = values.text('attribute');
  const fleet = parseFleetSource(values.text('source') ?? '.', {
    directory: workingDirectory,
    ...(attribute === undefined ? {} : { attribute }),
  });
  const systems = values.listIfDeclared('system').map((text) => parseTyped(SystemName, text, '--system'));
  const roots = values.text('roots');
  const rootsDirectory =
    roots === undefined ? join(xdgDirectory(context, 'cache'), 'roots') : absolutePath(roots, from);
  await mkdir(rootsDirectory, { recursive: true });
  const store = values.text('store');
  const nix = systemNix({
    commands,
    config: { options: nixOptions(values), ...(store === undefined ? {} : { store }) },
  });
  const budget = values.text('eval-memory');
  return {
    ports: { nix, commands, progress, clock: systemClock, crypto: nodeCrypto, memory: systemProcessMemory },
    fleet,
    sourceGit: await gitOf(fleet, commands),
    stated: await statedFacts(values, from),
    systems: systems.length === 0 ? 'all' : systems,
    limits: {
      workersMax: countOption(values, 'eval-workers', Math.min(atOnceDefault, availableParallelism())),
      budgetBytes:
        budget === undefined ? Math.floor(totalmem() / 2) : parseCount(budget, '--eval-memory', 10_000_000) * mebibyte,
      workerBytes,
    },
    buildsMax: countOption(values, 'builds', atOnceDefault),
    rootsDirectory,
    push: pushTarget(values),
  };
}

/** What `--facts` says. */
async function statedFacts(
  values: CommandValues,
  from: { readonly base: string; readonly home: string },
): Promise<StatedFacts> {
  const named = values.textIfDeclared('facts');
  if (named === undefined) return {};
  const path = absolutePath(named, from);
  const parsed = StatedFacts.safeParse(await readSettingsJson(path));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const where = issue?.path.join('.') ?? '';
  throw new CliError(
    'usage',
    `${path}: ${where === '' ? '' : `${where}: `}${issue?.message}`,
    'it may say author, approvals and advisories; commit, time and inputs are seen by the release itself',
  );
}

/** Null where the source is in no git repository. */
async function gitOf({ directory }: FleetSource, commands: Commands): Promise<Git | null> {
  const git = openGit({ commands, directory });
  const top = await git.try(['rev-parse', '--show-toplevel']);
  return top.ok ? openGit({ commands, directory: top.stdout.trim() }) : null;
}

function nixOptions(values: CommandValues): Record<string, string> {
  const options = new Map<string, string>();
  for (const text of values.list('nix-option')) {
    const at = text.indexOf('=');
    if (at < 1) throw new CliError('usage', `--nix-option '${printable(text)}'`, 'expected name=value');
    options.set(text.slice(0, at), text.slice(at + 1));
  }
  return Object.fromEntries(options);
}

function pushTarget(values: CommandValues): PushTarget | null {
  const url = values.text('push-to');
  const command = values.text('push-hook');
  if (url !== undefined && command !== undefined) {
    throw new CliError('usage', '--push-to and --push-hook', 'give one of them');
  }
  if (url !== undefined) return { kind: 'copy', url };
  return command === undefined ? null : { kind: 'hook', command };
}

function countOption(values: CommandValues, name: string, fallback: number): number {
  const text = values.text(name);
  return text === undefined ? fallback : parseCount(text, `--${name}`, atOnceMax);
}

function parseCount(text: string, where: string, max: number): number {
  const count = Number(text);
  if (Number.isInteger(count) && count >= 1 && count <= max) return count;
  throw new CliError('usage', `${where} '${printable(text)}'`, `expected a number from 1 to ${max}`);
}

/** The cache that hosts fetch from: `--cache`, else the address of `--push-to` where it is one. */
export function cacheOf(values: CommandValues): BinaryCache | null {
  const pushTo = values.textIfDeclared('push-to');
  const url = values.text('cache') ?? (/^(?:https?|file):/.test(pushTo ?? '') ? pushTo : undefined);
  return url === undefined ? null : openCache(url, { clock: systemClock });
}

export function requireCache(cache: BinaryCache | null): BinaryCache {
  if (cache) return cache;
  throw new CliError(
    'usage',
    'nothing says where hosts fetch from',
    'pass --cache with the address of the binary cache',
  );
}

export function retryHosts(values: CommandValues): readonly HostName[] {
  return values.list('retry').map((text) => parseTyped(HostName, text, '--retry'));
}
