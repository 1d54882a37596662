import { readFile } from 'node:fs/promises';
import {
  documentBytesMax,
  FleetName,
  Instant,
  msToInstant,
  Sha256Hex,
  sha256Hex,
  trustPath,
} from '@nixfleet/contracts';
import { nodeCrypto } from '@nixfleet/contracts/node-crypto';
import { CliError } from '../cli-error.ts';
import type { CommandContext } from '../command-context.ts';
import type { CommandValues } from '../command-values.ts';
import { loadSettings, requireSetting } from '../config/settings.ts';
import { parseTyped } from '../parse-typed.ts';
import type { Chain } from './chain.ts';
import { openReleases } from './releases-place.ts';

export interface OpenedChain {
  readonly chain: Chain;
  /** Bytes of the trust document to start from. */
  readonly start: Uint8Array;
}

/** Everything an offline check starts from, as options and settings say. */
export async function openChain(context: CommandContext, values: CommandValues): Promise<OpenedChain> {
  const settings = await loadSettings(context, values);
  const place = await openReleases(context, requireSetting(settings, 'releases'));
  const expectedText = values.text('trust-sha256');
  const expected = expectedText === undefined ? null : parseTyped(Sha256Hex, expectedText, '--trust-sha256');
  const atText = values.text('at');
  const at = atText === undefined ? null : parseTyped(Instant, atText, '--at');
  const { trust } = settings.values;
  let start: Uint8Array;
  let name: string;
  if (trust !== undefined) {
    name = trust;
    start = new Uint8Array(await readFile(trust));
  } else {
    if (!expected) {
      const next = 'pass --trust with a document you trust, or --trust-sha256 with the hash of its trust/1.json';
      throw new CliError('usage', 'nothing says which trust document to start from', next);
    }
    name = `${trustPath(1)} of ${place.name}`;
    const bytes = await place.read(trustPath(1), documentBytesMax.trust);
    if (!bytes) throw new CliError('failed', `${name} is not there`, 'check --releases');
    start = bytes;
  }
  const got = await sha256Hex(nodeCrypto, start);
  if (expected && got !== expected) {
    throw new CliError('failed', `${name}: hash-mismatch: its SHA-256 is ${got}, not ${expected}`, 'do not trust it');
  }
  const fleet = settings.values.fleet ?? fleetOf(start, name);
  const ctx = { crypto: nodeCrypto, fleet };
  return { chain: { ctx, place, now: at ?? msToInstant(context.clock.now()), steps: [] }, start };
}

/** The starting document is trusted, so its own name of the fleet is too. */
export function fleetOf(start: Uint8Array, name: string): FleetName {
  let json: unknown = null;
  if (start.length <= documentBytesMax.trust) {
    try {
      json = JSON.parse(new TextDecoder().decode(start));
    } catch {
      // Told below, like any other document that is none.
    }
  }
  const fleet = typeof json === 'object' && json !== null && 'fleet' in json ? FleetName.safeParse(json.fleet) : null;
  if (fleet?.success) return fleet.data;
  throw new CliError('failed', `${name}: not a trust document`, 'name a trust/<n>.json');
}
