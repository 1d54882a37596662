import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { FleetName, Sha256Hex } from '@nixfleet/contracts';
import { z } from 'zod';
import { CliError } from '../cli-error.ts';
import type { Environment } from '../command-context.ts';
import { absolutePath, absoluteReleases } from './absolute-path.ts';
import { httpsUrl } from './https-url.ts';

/** Largest settings file, in bytes. */
const fileBytesMax = 64 * 1024;

/** `config.json`: every setting may be left out. Relative paths start at the file's own directory. */
export const SettingsFile = z.strictObject({
  fleet: FleetName.optional(),
  controlPlanes: z.array(httpsUrl).min(1).max(16).optional(),
  pins: z.array(Sha256Hex).min(1).max(16).optional(),
  trust: z.string().min(1).optional(),
  identity: z.string().min(1).optional(),
  releases: z.string().min(1).optional(),
});
export type SettingsFile = z.infer<typeof SettingsFile>;

export interface LoadedSettingsFile {
  readonly path: string;
  readonly isThere: boolean;
  readonly settings: SettingsFile;
}

/** `NIXFLEET_CONFIG`, else `$XDG_CONFIG_HOME/nixfleet/config.json` (XDG Base Directory: default `~/.config`). */
export function settingsFilePath(environment: Environment, workingDirectory: string): string {
  if (environment.NIXFLEET_CONFIG) return resolve(workingDirectory, environment.NIXFLEET_CONFIG);
  const xdg = environment.XDG_CONFIG_HOME;
  // The specification has relative paths ignored.
  const base = xdg?.startsWith('/') ? xdg : join(environment.HOME ?? homedir(), '.config');
  return join(base, 'nixfleet', 'config.json');
}

/** A file that is not there is empty, unless `NIXFLEET_CONFIG` names it. */
export async function loadSettingsFile(
  environment: Environment,
  workingDirectory: string,
): Promise<LoadedSettingsFile> {
  const path = settingsFilePath(environment, workingDirectory);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT' && code !== 'ENOTDIR') throw error;
    if (!environment.NIXFLEET_CONFIG) return { path, isThere: false, settings: {} };
    throw new CliError('usage', `NIXFLEET_CONFIG: ${path} is not there`, 'write it, or unset NIXFLEET_CONFIG');
  }
  return { path, isThere: true, settings: parseSettingsFile(text, path, environment.HOME ?? homedir()) };
}

export function parseSettingsFile(text: string, path: string, home: string): SettingsFile {
  if (text.length > fileBytesMax) {
    throw new CliError('usage', `${path}: larger than ${fileBytesMax} bytes`, 'this is no settings file');
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new CliError('usage', `${path}: not JSON (${(error as SyntaxError).message})`, 'correct the file');
  }
  const parsed = SettingsFile.safeParse(json);
  if (!parsed.success) {
    const known = Object.keys(SettingsFile.shape).join(', ');
    throw new CliError('usage', `${path}: ${issuesOf(parsed.error)}`, `settings are ${known}`);
  }
  const at = (value: string): string => absolutePath(value, { base: dirname(path), home });
  const { trust, identity, releases, ...rest } = parsed.data;
  return {
    ...rest,
    ...(trust === undefined ? {} : { trust: at(trust) }),
    ...(identity === undefined ? {} : { identity: at(identity) }),
    ...(releases === undefined ? {} : { releases: absoluteReleases(releases, { base: dirname(path), home }) }),
  };
}

function issuesOf(error: z.ZodError): string {
  const lines = error.issues.map((issue) => {
    if (issue.code === 'unrecognized_keys') return `unknown ${issue.keys.map((key) => `'${key}'`).join(', ')}`;
    return `${issue.path.join('.') || 'the file'}: ${issue.message}`;
  });
  return lines.join('; ');
}
