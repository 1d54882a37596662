import type { CheckName, HealthCheck, StorePath } from '@nixfleet/contracts';

/** What a closure declares; not ok where the declaration is there and cannot be read. */
export type DeclaredChecks =
  | { readonly ok: true; readonly checks: readonly (readonly [CheckName, HealthCheck])[] }
  | { readonly ok: false; readonly detail: string };

/** The bytes of a closure's catalogue of controls; null where it has none. */
export type DeclaredControls =
  | { readonly ok: true; readonly bytes: Uint8Array | null }
  | { readonly ok: false; readonly detail: string };

export interface ProbeResult {
  readonly status: 'pass' | 'fail';
  /** Why it failed, in one line of at most 500 characters. */
  readonly detail?: string;
}

/** Port to the checks of a closure: what it declares, and how its services do. */
export interface Probes {
  declared(closure: StorePath): Promise<DeclaredChecks>;
  controls(closure: StorePath): Promise<DeclaredControls>;
  /** Runs one check once, within its timeout. Rejects only when `signal` aborts. */
  run(check: HealthCheck, signal: AbortSignal): Promise<ProbeResult>;
}
