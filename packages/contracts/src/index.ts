export type { Crypto, KeyAlgorithm, PrivateKey, PublicKey, Signer } from './crypto.ts';
export {
  DocumentRef,
  type DocumentType,
  documentBytesMax,
  documentDepthMax,
  envelope,
  knownFeatures,
  Reason,
} from './document.ts';
export { ContractsError, type ContractsErrorCode } from './errors.ts';
export {
  CommandOutput,
  type EventContent,
  type EventKind,
  type EventOf,
  eventBodies,
  eventKinds,
  JournalEvent,
  journalStart,
  SignedEvent,
} from './event.ts';
export { ChannelEdge, FleetChannel, FleetDocument, FleetHost, FleetWave, OpensshPublicLine, Pin } from './fleet.ts';
export { HeadDocument, holdsMax } from './head.ts';
export {
  type CheckKind,
  CheckMode,
  checksMax,
  EvidenceCheck,
  ExecCheck,
  HealthCheck,
  HealthChecks,
  HttpCheck,
  SystemdCheck,
  TcpCheck,
} from './health-check.ts';
export { HoldDocument, holdSecondsMax } from './hold.ts';
export {
  FailedCause,
  Floor,
  HostPhase,
  type HostPhaseName,
  HostState,
  HostTarget,
  ProbeStatus,
  Quarantine,
  quarantineMax,
  RevertCause,
  UnconfirmedCause,
} from './host-state.ts';
export { addSeconds, Instant, instantToMs, isBefore, latest, msToInstant } from './instant.ts';
export { Interval, intervalAt, intervalsMax, nextInterval } from './interval.ts';
export {
  canonicalBytes,
  canonicalize,
  canonicalizeDepthMax,
  type Json,
  type JsonBounds,
  jsonDepthMaxDefault,
  type ParseCanonicalReason,
  type ParseCanonicalResult,
  parseCanonical,
} from './json.ts';
export {
  BootId,
  BudgetName,
  ChannelName,
  CheckName,
  Commit,
  FleetName,
  HostName,
  JournalId,
  nameCharactersMax,
  OperatorName,
  PolicyName,
  RolloutId,
  Sha256Hex,
  SignerName,
  StorePath,
  SystemName,
  TagName,
} from './names.ts';
export { entriesOf, lookup } from './record.ts';
export { AgentRefusalCode, accept, DocumentRefusalCode, type Refusal, refuse, type Verified } from './refusal.ts';
export { Freeze, mayFinishMax, ReleaseChannel, ReleaseDocument } from './release.ts';
export {
  DisruptionBudget,
  HostEdge,
  ManifestHost,
  ManifestWave,
  RolloutManifest,
  wavesMax,
} from './rollout-manifest.ts';
export { ChannelPolicy, ConfirmPolicy, MaxFailures, PromoteWhen } from './rollout-policy.ts';
export { type CertificateRequest, selfSignedCertificate } from './self-signed-certificate.ts';
export { Source } from './source.ts';
export { CacheKey, ControlPlanePin, DeclaredKey, type RoleName, TrustDocument } from './trust.ts';
export {
  EventsView,
  EventView,
  FleetView,
  HostHealth,
  HostSummary,
  HostView,
  RolloutStateName,
  RolloutSummary,
  RolloutsView,
  RolloutView,
  WhyView,
} from './views.ts';
export {
  batchEventsMax,
  bodyBytesMax,
  CheckinReply,
  CheckinRequest,
  EventBatch,
  EventReceipt,
  Go,
  JournalPosition,
  protocolHeader,
  protocolVersion,
  WireError,
  WireErrorCode,
  waitSecondsMax,
} from './wire.ts';
export { Withheld, WithheldCode } from './withheld.ts';
