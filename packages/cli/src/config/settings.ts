import { homedir } from 'node:os';
import { FleetName, Sha256Hex } from '@nixfleet/contracts';
import { CliError } from '../cli-error.ts';
import type { CommandContext } from '../command-context.ts';
import type { CommandValues } from '../command-values.ts';
import { parseTyped } from '../parse-typed.ts';
import { absolutePath, absoluteReleases } from './absolute-path.ts';
import { httpsUrl } from './https-url.ts';
import { loadSettingsFile, type SettingsFile } from './settings-file.ts';

export type SettingName = keyof SettingsFile;
export type SettingOrigin = 'option' | 'environment' | 'file';

/** Settings after options, environment and file were put together, each with where it came from. */
export interface Settings {
  readonly file: { readonly path: string; readonly isThere: boolean };
  readonly values: SettingsFile;
  readonly origins: ReadonlyMap<SettingName, SettingOrigin>;
}

interface SettingSource {
  readonly option: string;
  readonly variable: string;
}

/** The option and the environment variable of each setting. Lists are separated by commas in a variable. */
export const settingSources: Readonly<Record<SettingName, SettingSource>> = {
  fleet: { option: 'fleet', variable: 'NIXFLEET_FLEET' },
  controlPlanes: { option: 'control-plane', variable: 'NIXFLEET_CONTROL_PLANES' },
  pins: { option: 'pin', variable: 'NIXFLEET_PINS' },
  trust: { option: 'trust', variable: 'NIXFLEET_TRUST' },
  identity: { option: 'identity', variable: 'NIXFLEET_IDENTITY' },
  releases: { option: 'releases', variable: 'NIXFLEET_RELEASES' },
};

const names = Object.keys(settingSources) as readonly SettingName[];

/** Options win over the environment, and that over the file. Throws `CliError` `usage` for a malformed one. */
export async function loadSettings(context: CommandContext, values: CommandValues): Promise<Settings> {
  const { environment, workingDirectory } = context;
  const file = await loadSettingsFile(environment, workingDirectory);
  const merged: SettingsFile = { ...file.settings };
  const origins = new Map<SettingName, SettingOrigin>();
  for (const name of names) if (file.settings[name] !== undefined) origins.set(name, 'file');

  const from = { base: workingDirectory, home: environment.HOME ?? homedir() };
  for (const name of names) {
    const typed = readTyped(name, context, values);
    if (!typed) continue;
    origins.set(name, typed.origin);
    const [first = ''] = typed.texts;
    switch (name) {
      case 'fleet':
        merged.fleet = parseTyped(FleetName, first, typed.where);
        break;
      case 'controlPlanes':
        merged.controlPlanes = typed.texts.map((text) => parseTyped(httpsUrl, text, typed.where));
        break;
      case 'pins':
        merged.pins = typed.texts.map((text) => parseTyped(Sha256Hex, text, typed.where));
        break;
      case 'releases':
        merged.releases = absoluteReleases(first, from);
        break;
      default:
        merged[name] = absolutePath(first, from);
    }
  }
  // Whichever of pins and trust was given closer to the command replaces the other: both say who is trusted.
  dropShadowed(merged, origins);
  return { file: { path: file.path, isThere: file.isThere }, values: merged, origins };
}

interface Typed {
  readonly origin: SettingOrigin;
  readonly texts: readonly string[];
  /** The option or the variable, for messages. */
  readonly where: string;
}

function readTyped(name: SettingName, { environment }: CommandContext, values: CommandValues): Typed | null {
  const { option, variable } = settingSources[name];
  const isList = name === 'controlPlanes' || name === 'pins';
  const single = isList ? undefined : values.textIfDeclared(option);
  const texts = isList ? values.listIfDeclared(option) : single === undefined ? [] : [single];
  if (texts.length > 0) return { origin: 'option', texts, where: `--${option}` };
  const text = environment[variable];
  if (!text) return null;
  return {
    origin: 'environment',
    texts: isList ? text.split(',').map((item) => item.trim()) : [text],
    where: variable,
  };
}

const closeness: Readonly<Record<SettingOrigin, number>> = { file: 0, environment: 1, option: 2 };

function dropShadowed(
  merged: { pins?: SettingsFile['pins']; trust?: SettingsFile['trust'] },
  origins: Map<SettingName, SettingOrigin>,
): void {
  const pins = origins.get('pins');
  const trust = origins.get('trust');
  if (!pins || !trust || closeness[pins] >= closeness[trust]) return;
  delete merged.pins;
  origins.delete('pins');
}

/** A setting that a command cannot do without. */
export function requireSetting<Name extends SettingName>(
  settings: Settings,
  name: Name,
): NonNullable<SettingsFile[Name]> {
  const value = settings.values[name];
  if (value !== undefined) return value as NonNullable<SettingsFile[Name]>;
  const { option, variable } = settingSources[name];
  const next = `pass --${option}, set ${variable}, or write ${name} in ${settings.file.path}`;
  throw new CliError('usage', `${name} is not set`, next);
}
