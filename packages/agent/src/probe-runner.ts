import { open } from 'node:fs/promises';
import { CheckName, entriesOf, type HealthCheck, HealthChecks, type StorePath } from '@nixfleet/contracts';
import type { HostInput } from '@nixfleet/engine';
import { AgentError, messageOf } from './errors.ts';
import type { Host } from './host.ts';
import { type ProbeDeps, probe } from './probe.ts';
import { locateInStore } from './store-links.ts';

/** Largest file of declared checks, in bytes. */
const checksBytesMax = 1024 * 1024;
/** Under this name a closure fails whose checks cannot be read. */
const unreadableChecks = CheckName.parse('health-checks');

/**
 * Probes what a closure declares, from the copy inside it, which its digest signs, until `signal` aborts. A closure whose
 * declaration is there and cannot be read fails: what cannot be checked cannot be confirmed.
 */
export async function runProbes(
  { id, closure }: { readonly id: number; readonly closure: StorePath },
  deps: ProbeDeps & { readonly emit: (input: HostInput) => void },
): Promise<void> {
  const { emit, host } = deps;
  const read = await readChecks(host, `${closure}/etc/nixfleet/health-checks.json`);
  if (!read.ok) {
    emit({ type: 'checks-known', id, enforced: [unreadableChecks] });
    const mode = 'enforce' as const;
    emit({
      type: 'probe',
      id,
      check: unreadableChecks,
      status: 'fail',
      mode,
      failureThreshold: 1,
      detail: read.detail,
    });
    return;
  }
  const active = read.checks.filter(([, { mode }]) => mode !== 'disabled');
  emit({
    type: 'checks-known',
    id,
    enforced: active.filter(([, { mode }]) => mode === 'enforce').map(([name]) => name),
  });
  await Promise.all(active.map(([name, check]) => repeat(id, name, check, deps)));
}

async function repeat(
  id: number,
  name: CheckName,
  check: HealthCheck,
  deps: ProbeDeps & { readonly emit: (input: HostInput) => void },
): Promise<void> {
  const { signal, clock, emit } = deps;
  while (!signal.aborted) {
    const { status, detail } = await probe(check, deps);
    const { mode, failureThreshold } = check;
    emit({
      type: 'probe',
      id,
      check: name,
      status,
      mode,
      failureThreshold,
      ...(detail === undefined ? {} : { detail }),
    });
    await clock.sleep(check.intervalSeconds * 1000, signal);
  }
}

type ReadChecks =
  | { readonly ok: true; readonly checks: readonly (readonly [CheckName, HealthCheck])[] }
  | { readonly ok: false; readonly detail: string };

/**
 * `path` is one of a closure. No file: no probes. Anything else that is not a valid declaration is not ok, a link that
 * leads nowhere or out of the store among them.
 */
export async function readChecks(host: Pick<Host, 'locate'>, path: string): Promise<ReadChecks> {
  let text: string;
  try {
    const file = await locateInStore(host, path);
    if (file === null) return { ok: true, checks: [] };
    text = await readBounded(file);
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

async function readBounded(path: string): Promise<string> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    if (size > checksBytesMax) throw new AgentError('io', `${path}: over ${checksBytesMax} bytes`);
    return await file.readFile('utf8');
  } finally {
    await file.close();
  }
}
