import { mkdir, readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { documentBytesMax, FleetName, pinTrust, type TrustState, type VerifyContext } from '@nixfleet/contracts';
import { systemClock } from '@nixfleet/contracts/node-clock';
import { nodeCrypto } from '@nixfleet/contracts/node-crypto';
import { systemRandom } from '@nixfleet/contracts/node-random';
import {
  type Commands,
  fileFloors,
  type Progress,
  type Publisher,
  type ReleaseTarget,
  systemCommands,
} from '@nixfleet/release';
import { CliError } from '../cli-error.ts';
import type { CommandContext } from '../command-context.ts';
import type { CommandValues } from '../command-values.ts';
import { absolutePath } from '../config/absolute-path.ts';
import { loadSettings, requireSetting } from '../config/settings.ts';
import { parseDuration } from '../parse-duration.ts';
import { progressLines } from './progress-lines.ts';
import { parseSigners } from './signers.ts';
import { openTarget, xdgDirectory } from './target.ts';

/** What every command of CI works with. */
export interface Workshop {
  readonly ctx: VerifyContext;
  readonly start: TrustState;
  readonly target: ReleaseTarget;
  readonly commands: Commands;
  readonly progress: Progress;
}

/** Programs that end when we are interrupted. */
export function interruptibleCommands({ signal }: CommandContext): Commands {
  const commands = systemCommands({ clock: systemClock });
  return {
    run: (request) =>
      commands.run({ ...request, signal: request.signal ? AbortSignal.any([request.signal, signal]) : signal }),
  };
}

export async function openWorkshop(context: CommandContext, values: CommandValues): Promise<Workshop> {
  const settings = await loadSettings(context, values);
  const start = await readStart(requireSetting(settings, 'trust'));
  const commands = interruptibleCommands(context);
  const target = await openTarget(context, commands, requireSetting(settings, 'releases'));
  const progress = progressLines(context.terminal, { isVerbose: values.flagIfDeclared('verbose') });
  return { ctx: { crypto: nodeCrypto, fleet: start.document.fleet }, start, target, commands, progress };
}

/** The trust document that this machine's owner put here. */
export async function readStart(path: string): Promise<TrustState> {
  const bytes = new Uint8Array(await readFile(path));
  const fleet = bytes.length > documentBytesMax.trust ? null : fleetIn(bytes);
  if (!fleet) throw new CliError('failed', `${path}: not a trust document`, 'name a trust/<n>.json');
  const trust = await pinTrust({ crypto: nodeCrypto, fleet }, bytes);
  if (trust.ok) return trust.value;
  throw new CliError('failed', `${path}: ${trust.reason}: ${trust.detail}`, 'name a trust/<n>.json');
}

/** The starting document is trusted, so its own name of the fleet is too. */
function fleetIn(bytes: Uint8Array): FleetName | null {
  try {
    const json: unknown = JSON.parse(new TextDecoder().decode(bytes));
    if (typeof json !== 'object' || json === null || !('fleet' in json)) return null;
    return FleetName.safeParse(json.fleet).data ?? null;
  } catch {
    return null;
  }
}

/** The workshop with its keys and floors: what signs and publishes. */
export async function openPublisher(
  context: CommandContext,
  values: CommandValues,
  { ctx, start, target, commands, progress }: Workshop,
): Promise<Publisher> {
  const sign = (name: 'release-key' | 'head-key') =>
    parseSigners(context, commands, { texts: values.listIfDeclared(name), option: `--${name}` });
  const typed = values.textIfDeclared('floors');
  const from = { base: context.workingDirectory, home: context.environment.HOME ?? homedir() };
  const floorsPath =
    typed === undefined ? join(xdgDirectory(context, 'state'), `${ctx.fleet}-floors.json`) : absolutePath(typed, from);
  await mkdir(dirname(floorsPath), { recursive: true });
  const life = values.textIfDeclared('head-life');
  return {
    target,
    start,
    floors: fileFloors(floorsPath, { random: systemRandom }),
    releaseSigners: await sign('release-key'),
    headSigners: await sign('head-key'),
    clock: systemClock,
    progress,
    isFirstUse: values.flagIfDeclared('first-use'),
    ...(life === undefined ? {} : { lifeSeconds: parseDuration(life, '--head-life') }),
  };
}
