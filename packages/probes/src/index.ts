export { type ArgumentSpec, type ArgumentSpecs, flagOf, parseArguments } from './arguments.ts';
export {
  type CollectOptions,
  collectionMsMax,
  collectRuns,
  type ProbeRun,
  type ProbeTask,
  probesAtOnce,
} from './collect-runs.ts';
export { ProbeError, type ProbeErrorCode } from './errors.ts';
export type { Fact, Finding, NotApplicable, Probe, Violation } from './probe.ts';
export { probeTable } from './probe-table.ts';
export { probeLoaders } from './registry.ts';
export { type CatalogueRuns, parseCatalogue, runCatalogue, tasksOf } from './run-catalogue.ts';
export { outputBytesMax, violationsMax } from './run-probe.ts';
