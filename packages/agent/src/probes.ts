import type { CheckName, HealthCheck, StorePath } from '@nixfleet/contracts';

/** What a closure declares; not ok where the declaration is there and cannot be read. */
export type DeclaredChecks =
  | { readonly ok: true; readonly checks: readonly (readonly [CheckName, HealthCheck])[] }
  | { readonly ok: false; readonly detail: string };

export interface ProbeResult {
  readonly status: 'pass' | 'fail';
  /** Why it failed, in one line of at most 500 characters. */
  readonly detail?: string;
}

/** Port to the checks of a closure: what it declares, and how its services do. */
export interface Probes {
  declared(closure: StorePath): Promise<DeclaredChecks>;
  /** Runs one check once, within its timeout. Rejects only when `signal` aborts. */
  run(check: HealthCheck, signal: AbortSignal): Promise<ProbeResult>;
}
