import { readFile } from 'node:fs/promises';
import { pinTrust, type TrustState, type VerifyContext } from '@nixfleet/contracts';
import { nodeCrypto } from '@nixfleet/contracts/node-crypto';
import { CliError } from '../cli-error.ts';
import type { CommandContext } from '../command-context.ts';
import type { CommandValues } from '../command-values.ts';
import { loadSettings, requireSetting } from '../config/settings.ts';
import { fleetOf } from './open-chain.ts';
import { openReleases, type ReleasesPlace } from './releases-place.ts';

/** Releases, and the trust document that everything in them is held against. */
export interface Pinned {
  readonly ctx: VerifyContext;
  readonly place: ReleasesPlace;
  /** Bytes of the trust document. */
  readonly start: Uint8Array;
  readonly pinned: TrustState;
}

/** What `--releases` and `--trust` name. Throws `CliError` where one is missing or the document is no trust document. */
export async function openPinned(context: CommandContext, values: CommandValues): Promise<Pinned> {
  const settings = await loadSettings(context, values);
  const place = await openReleases(context, requireSetting(settings, 'releases'));
  const start = new Uint8Array(await readFile(requireSetting(settings, 'trust')));
  const ctx = { crypto: nodeCrypto, fleet: settings.values.fleet ?? fleetOf(start, '--trust') };
  const pinned = await pinTrust(ctx, start);
  if (!pinned.ok) throw new CliError('failed', `${settings.values.trust}: ${pinned.detail}`, 'name a trust document');
  return { ctx, place, start, pinned: pinned.value };
}
