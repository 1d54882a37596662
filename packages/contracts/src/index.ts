export { decodeBase64, encodeBase64 } from './base64.ts';
export { concatBytes, equalBytes, textOf, utf8 } from './bytes.ts';
export {
  FreezeRule,
  LocalDateTime,
  LocalTime,
  TimezoneName,
  Weekday,
  WindowRule,
  weekdays,
  windowRulesMax,
  windowStartsMax,
} from './change-window.ts';
export { type ClosurePath, closureDigest, closureDigestText, closurePathsMax } from './closure-digest.ts';
export {
  CollectionContext,
  CollectionOrder,
  collectionContextBytesMax,
  collectionFiles,
  drillAside,
} from './collection-request.ts';
export {
  CatalogueControl,
  CatalogueRule,
  ComplianceCatalogue,
  catalogueBytesMax,
  collectionSecondsMax,
  Expectation,
  Governance,
  ProbeDescriptor,
  probeOutputBytesMax,
  probeSecondsMax,
} from './compliance-catalogue.ts';
export { complianceEventBodies } from './compliance-event.ts';
export {
  ArticleId,
  ComplianceDecision,
  ComplianceMode,
  ComplianceStatus,
  ControlId,
  ControlType,
  controlsMax,
  FrameworkArticles,
  FrameworkName,
  GovernanceLevel,
  HostType,
  InactiveVia,
  NotApplicableReason,
  RuleId,
  RuntimeGateErrorReason,
  rulesMax,
  syntheticControl,
  unwaivableControls,
  VocabularyName,
  WaiverId,
} from './compliance-names.ts';
export { ComplianceStanding, complianceCheck } from './compliance-standing.ts';
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
export {
  DrillFailAt,
  DrillId,
  DrillPlan,
  DrillRecord,
  DrillStep,
  DrillStepName,
  drillHeldMax,
  drillHostsMax,
  drillSecondsMax,
} from './drill-record.ts';
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
export {
  EvidenceControl,
  EvidenceDocument,
  EvidenceRule,
  EvidenceSummary,
  EvidenceTrigger,
  evidenceChainStart,
  evidenceNamespace,
  evidenceProfile,
  ProbeRun,
} from './evidence.ts';
export { ChannelEdge, FleetChannel, FleetDocument, FleetHost, FleetWave, OpensshPublicLine } from './fleet.ts';
export { Forecast, ForecastBlock, ForecastRollout, ForecastWave } from './forecast.ts';
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
export { decodeHex, encodeHex } from './hex.ts';
export { HoldDocument, holdSecondsMax } from './hold.ts';
export { HoldListing, HoldStanding, HoldsView } from './holds-view.ts';
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
  RebootsSeen,
  RevertCause,
  refusalDetailMax,
  UnconfirmedCause,
} from './host-state.ts';
export { addSeconds, Instant, instantToMs, isBefore, latest, msToInstant, nearestInstant } from './instant.ts';
export { Interval, intervalAt, intervalsMax } from './interval.ts';
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
  parseJson,
} from './json.ts';
export { BoundedMemo, type Memo } from './memo.ts';
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
export { NarHash, narHashOf, parseNarHash } from './nix-hash.ts';
export {
  formatOpensshPrivateKey,
  formatOpensshPublicLine,
  opensshFingerprint,
  type PrivateKeyRefusalCode,
  parseOpensshPrivateKey,
  parseOpensshPublicLine,
  parseSshKeyBlob,
  sshKeyBlob,
} from './openssh.ts';
export { type DocumentKind, type ParsedDocument, parseDocument, readDocument } from './parse-document.ts';
export { type ParsedMessage, parseMessage } from './parse-message.ts';
export { isPinExpired, Pin, pinAt } from './pin.ts';
export {
  ControlStanding,
  PackageChanges,
  PlanControlChange,
  PlanControls,
  PlanHost,
  PlanView,
  RefusedPlanView,
  SystemChanges,
} from './plan-view.ts';
export { type Clock, type Random, woken } from './ports.ts';
export { declaredKeyOf, hasRawLength, keyIdOf, parseSpki, publicKeyOf, spkiOf } from './public-key.ts';
export { entriesOf, lookup } from './record.ts';
export { AgentRefusalCode, accept, DocumentRefusalCode, type Refusal, refuse, type Verified } from './refusal.ts';
export { Freeze, mayFinishMax, ReleaseChannel, ReleaseDocument, Trial, trialSecondsMax, trialsMax } from './release.ts';
export {
  fleetPath,
  headPath,
  holdPath,
  parseSignaturePath,
  releasePath,
  reportPath,
  resumePath,
  rolloutPath,
  type SignatureKind,
  signaturePath,
  trustPath,
} from './release-tree.ts';
export { ResumeDocument } from './resume.ts';
export {
  DisruptionBudget,
  HostEdge,
  ManifestHost,
  ManifestWave,
  RolloutManifest,
  wavesMax,
} from './rollout-manifest.ts';
export {
  ChannelPolicy,
  CompliancePolicy,
  ConfirmPolicy,
  DriftPolicy,
  MaxFailures,
  OnFailedUnits,
  PromoteWhen,
  SwitchPolicy,
} from './rollout-policy.ts';
export { type SealableDocument, type SealedDocument, sealDocument, signBytes } from './seal.ts';
export { type CertificateRequest, selfSignedCertificate } from './self-signed-certificate.ts';
export { sha256Hex } from './sha256.ts';
export type { SignedBytes, VerifyContext } from './signed-bytes.ts';
export { countApprovers, countSigners, requireThreshold, type SignerCount, signaturesMax } from './signer-count.ts';
export { Source } from './source.ts';
export { SshReader, sshString, sshUint32 } from './ssh-wire.ts';
export {
  checkSshsig,
  makeSshsig,
  type SshsigRefusalCode,
  type SshsigVerified,
  sshsigCharactersMax,
  verifySshsig,
} from './sshsig.ts';
export {
  HostCompliance,
  StaticControlResult,
  StaticHostReport,
  StaticObservation,
  StaticReport,
  StaticRuleResult,
  WeakerMode,
} from './static-report.ts';
export { isStrictEd25519 } from './strict-ed25519.ts';
export { CacheKey, ControlPlanePin, DeclaredKey, type RoleName, TrustDocument } from './trust.ts';
export { readTrustKeys, type TrustedKey, type TrustState } from './trust-keys.ts';
export {
  eventsMax,
  isSignedBy,
  readEvent,
  type VerifiedEvent,
  type VerifiedEvents,
  verifyEvents,
} from './verify-events.ts';
export { type Identity, type VerifiedFleet, verifyFleet } from './verify-fleet.ts';
export { clockSkewSecondsMax, type HeadFloor, headFloorOf, type VerifiedHead, verifyHead } from './verify-head.ts';
export { type VerifiedHold, verifyHold, verifyUnnamedHold } from './verify-hold.ts';
export { manifestEntry, type VerifiedManifest, verifyManifest } from './verify-manifest.ts';
export { receiptsNeeded, receiptsOf, verifyReceipts, waveHosts } from './verify-receipts.ts';
export { releaseFloorOf, releaseThreshold, type VerifiedRelease, verifyRelease } from './verify-release.ts';
export { type VerifiedResume, verifyResume } from './verify-resume.ts';
export { trialOf, trialsAt, type VerifiedTrial, verifyTrial } from './verify-trial.ts';
export {
  EmergencyView,
  EventsView,
  EventView,
  EvidenceView,
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
  minimalWaiverSecondsMax,
  WaiverDocument,
  WaiverRegister,
  WaiverScope,
  waiverSecondsMax,
  waiversMax,
} from './waiver.ts';
export { pinTrust, trustStepsMax, type WalkTrustRefusal, walkTrust } from './walk-trust.ts';
export {
  batchEventsMax,
  bodyBytesMax,
  CheckinReply,
  CheckinRequest,
  EventBatch,
  EventReceipt,
  EvidenceReceipt,
  EvidenceUpload,
  Go,
  JournalPosition,
  protocolHeader,
  protocolVersion,
  undecided,
  WireError,
  WireErrorCode,
  waitSecondsMax,
} from './wire.ts';
export { Withheld, WithheldCode } from './withheld.ts';
