import { readFile } from 'node:fs/promises';
import { CliError } from './cli-error.ts';

/** Largest settings file of a service, in bytes. */
const settingsBytesMax = 1024 * 1024;

/** The settings file of an agent or a control plane, as JSON; its own parser says what is wrong in it. */
export async function readSettingsJson(path: string): Promise<unknown> {
  const text = await readFile(path, 'utf8');
  if (text.length > settingsBytesMax) throw new CliError('usage', `${path}: too large`, 'this is no settings file');
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new CliError('usage', `${path}: not JSON (${(error as SyntaxError).message})`, 'correct the file');
  }
}
