export { AgentLoop } from './agent-loop.ts';
export {
  type CollectEvidenceDeps,
  type CollectEvidenceOptions,
  collectEvidence,
  measureHost,
} from './compliance/collect-evidence.ts';
export type { Collected, Collector } from './compliance/collector.ts';
export { CollectorDirectory } from './compliance/collector-directory.ts';
export { verifyOwnEvidence } from './compliance/kept-evidence.ts';
export { type MachineFactsOptions, machineFacts } from './compliance/machine-facts.ts';
export { parseReleasedContexts } from './compliance/released-contexts.ts';
export { AgentConfig, parseAgentConfig } from './config.ts';
export { ControlPlaneClient } from './control-plane-client.ts';
export { Delivery } from './delivery.ts';
export { AgentError, type AgentErrorCode } from './errors.ts';
export { fileSystem } from './file-system.ts';
export type { Files } from './files.ts';
export { parseFloors } from './floors.ts';
export { Gate } from './gate.ts';
export { type GuardFacts, parseGuardFacts, printGuardFacts } from './guard/guard-record.ts';
export type { Host, RebootOrder } from './host.ts';
export { clientIdentity, readHostKey } from './host-key.ts';
export { HttpsTransport, type HttpsTransportOptions } from './https-transport.ts';
export { Journal } from './journal.ts';
export {
  clearLocalHold,
  LocalHold,
  localHoldPath,
  parseLocalHold,
  readLocalHold,
  setLocalHold,
} from './local-hold.ts';
export { jsonLog, type Log, type LogLevel } from './log.ts';
export type { Nix, NixSources } from './nix.ts';
export { NixCommands } from './nix-commands.ts';
export {
  type ClientIdentity,
  connectPinned,
  type PinnedConnection,
  type PinnedConnectionOptions,
  serverKeySha256,
} from './pinned-connection.ts';
export type { DeclaredChecks, ProbeResult, Probes } from './probes.ts';
export { ProfileHost } from './profile-host.ts';
export { type AgentDeps, type RunningAgent, startAgent } from './start-agent.ts';
export { type MachineAgentOptions, startMachineAgent } from './start-machine-agent.ts';
export { systemClock } from './system-clock.ts';
export type {
  Transport,
  TransportReply,
  TransportRequest,
  TransportResult,
  Unreachable,
  UnreachableReason,
} from './transport.ts';
