import { type ComplianceCatalogue, type ComplianceMode, DrillFailAt, syntheticControl } from '@nixfleet/contracts';
import { effectiveMode } from '../decide.ts';

/** What a closure's catalogue says of a drill on its host. */
export interface DeclaredDrill {
  readonly failAt: DrillFailAt;
  /** In seconds since 1970; from then on it is inert. 0: it is inert on this host from the beginning. */
  readonly until: number;
  /** Of the synthetic control, under the channel's signed mode. */
  readonly mode: ComplianceMode;
}

/** Null where the catalogue has no synthetic control that is active. Read from the probe's arguments, which the closure pins. */
export function declaredDrill(catalogue: ComplianceCatalogue, mode: ComplianceMode): DeclaredDrill | null {
  const control = catalogue.controls.find(({ controlId }) => controlId === syntheticControl.controlId);
  const rule = control?.rules.find(({ id }) => id === syntheticControl.ruleId);
  if (!control || rule?.via !== null || rule.probe === null) return null;
  const after = (flag: string): string | undefined => rule.probe?.args[rule.probe.args.indexOf(flag) + 1];
  const failAt = DrillFailAt.safeParse(after('--fail-at'));
  const until = Number(after('--until') ?? 0);
  if (!failAt.success || !Number.isSafeInteger(until) || until < 0) return null;
  return { failAt: failAt.data, until, mode: effectiveMode(mode, control.mode) };
}

/** Whether a drill fails on this host at `nowMs`, wherever it does. */
export function isDrilled(catalogue: ComplianceCatalogue, mode: ComplianceMode, nowMs: number): boolean {
  return armedDrill(catalogue, mode, nowMs) !== null;
}

function armedDrill(catalogue: ComplianceCatalogue, mode: ComplianceMode, nowMs: number): DeclaredDrill | null {
  const drill = declaredDrill(catalogue, mode);
  return drill === null || drill.mode === 'disabled' || nowMs >= drill.until * 1000 ? null : drill;
}

/** How a collector has to fail at `nowMs`; null where the drill is over, or fails elsewhere. */
export function collectorFailure(
  catalogue: ComplianceCatalogue,
  mode: ComplianceMode,
  nowMs: number,
): Exclude<DrillFailAt, 'static' | 'runtime'> | null {
  const drill = armedDrill(catalogue, mode, nowMs);
  if (drill === null) return null;
  return drill.failAt === 'static' || drill.failAt === 'runtime' ? null : drill.failAt;
}
