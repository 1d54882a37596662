import { open } from 'node:fs/promises';
import { type Clock, catalogueBytesMax, entriesOf, HealthChecks } from '@nixfleet/contracts';
import { AgentError, messageOf } from './errors.ts';
import type { Host } from './host.ts';
import { probe } from './probe.ts';
import type { DeclaredChecks, DeclaredControls, Probes } from './probes.ts';
import { locateInStore } from './store-links.ts';

/** Largest file of declared checks, in bytes. */
const checksBytesMax = 1024 * 1024;

/** Checks as the closure's own files declare them, run on this machine. */
export function hostProbes({ host, clock }: { readonly host: Host; readonly clock: Clock }): Probes {
  return {
    declared: (closure) => readChecks(host, `${closure}/etc/nixfleet/health-checks.json`),
    controls: (closure) => readControls(host, `${closure}/etc/nixfleet/compliance.json`),
    run: (check, signal) => probe(check, { host, clock, signal }),
  };
}

/**
 * `path` is one of a closure. No file: no probes. Anything else that is not a valid declaration is not ok, a link that
 * leads nowhere or out of the store among them.
 */
export async function readChecks(host: Pick<Host, 'locate'>, path: string): Promise<DeclaredChecks> {
  let text: string;
  try {
    const file = await locateInStore(host, path);
    if (file === null) return { ok: true, checks: [] };
    text = (await readBounded(file, checksBytesMax)).toString('utf8');
  } catch (error) {
    return { ok: false, detail: `the declared checks cannot be read: ${messageOf(error)}`.slice(0, 500) };
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    return { ok: false, detail: `the declared checks are not JSON: ${messageOf(error)}` };
  }
  const parsed = HealthChecks.safeParse(json);
  if (!parsed.success)
    return { ok: false, detail: `the declared checks are invalid: ${parsed.error.message}`.slice(0, 500) };
  return { ok: true, checks: entriesOf(parsed.data.checks) };
}

async function readControls(host: Pick<Host, 'locate'>, path: string): Promise<DeclaredControls> {
  try {
    const file = await locateInStore(host, path);
    return { ok: true, bytes: file === null ? null : new Uint8Array(await readBounded(file, catalogueBytesMax)) };
  } catch (error) {
    return { ok: false, detail: `the controls cannot be read: ${messageOf(error)}`.slice(0, 500) };
  }
}

async function readBounded(path: string, bytesMax: number): Promise<Buffer> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    if (size > bytesMax) throw new AgentError('io', `${path}: over ${bytesMax} bytes`);
    return await file.readFile();
  } finally {
    await file.close();
  }
}
