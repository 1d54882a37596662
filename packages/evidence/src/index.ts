export {
  type BuiltEvidence,
  buildEvidence,
  type ChainPosition,
  type CollectionFacts,
  type CollectionInput,
  rulesToRun,
} from './build-evidence.ts';
export { type CoreEvidence, verifyCoreEvidence } from './core-profile.ts';
export { combineDecisions, combineStatuses, decideRule, effectiveMode, type RuleDecision } from './decide.ts';
export { collectorFailure, type DeclaredDrill, declaredDrill, isDrilled } from './drill/declared-drill.ts';
export { type DrillApproval, drillApproval, formerApprover } from './drill/drill-approval.ts';
export { drillProblem, provesGate, questionOf, type RecheckedDrill, recheckDrill } from './drill/drill-problem.ts';
export { heldHosts } from './drill/held-hosts.ts';
export {
  type DrillQuestion,
  type DrillTrace,
  drillTrace,
  type ObservedDrill,
  observeDrill,
} from './drill/observe-drill.ts';
export { EvidenceError, type EvidenceErrorCode } from './errors.ts';
export { followsChain, positionOf } from './evidence-chain.ts';
export { EvidenceReader } from './evidence-reader.ts';
export {
  type Evaluated,
  type ExpectationRefusalCode,
  evaluateExpectation,
  type Mismatch,
  observedPart,
} from './expectation.ts';
export { type Measurement, measure, type ProbeRunResult } from './measure.ts';
export type { EvidenceOutcome, EvidenceRefusal, EvidenceRefusalCode } from './outcome.ts';
export { type ArticleCoverage, type CoverageState, compareArticles, coverageOf } from './packet/coverage.ts';
export { checkDerived, derivedFiles, trustKeyFiles } from './packet/derived-files.ts';
export { isWithin } from './packet/drills.ts';
export type {
  Break,
  BreakCode,
  HostFindings,
  HostOutcome,
  PacketDrill,
  PacketFindings,
  PacketPorts,
  RanSpan,
} from './packet/findings.ts';
export {
  type HistoricRelease,
  keysOfRecord,
  verifyHistoricRelease,
} from './packet/historic-release.ts';
export { type HostQuestion, type HostRelease, hostQuestion } from './packet/host-question.ts';
export { journalSkewSecondsMax } from './packet/journal-claims.ts';
export {
  PacketManifest,
  packetManifestPath,
  packetPaths,
  packetReportPath,
  packetSums,
  packetSumsPath,
} from './packet/packet-manifest.ts';
export type { PacketReader } from './packet/packet-reader.ts';
export { askedText, gapText } from './packet/timeline.ts';
export { type KnownManifests, verifyHost } from './packet/verify-host.ts';
export { type VerifyHosts, verifyPacket } from './packet/verify-packet.ts';
export { staleWaiverDays, staleWaivers } from './packet/waiver-use.ts';
export { type ReadFile, readBound, readCatalogue, readHistoricManifest } from './read-bound.ts';
export {
  activationSkewSecondsMax,
  type ControlFailure,
  driftBetween,
  gateError,
  judgeCollection,
  type RuntimeQuestion,
  type RuntimeVerdict,
} from './runtime-gate.ts';
export { type EvidenceSignatures, signEvidence } from './sign-evidence.ts';
export { type StaticChange, staticChanges } from './static-changes.ts';
export {
  type EvaluatedCompliance,
  observationsOf,
  type StaticFailure,
  type StaticGate,
  type StaticGateInput,
  staticGate,
} from './static-gate.ts';
export { type ReportedRelease, unsignableReport } from './unsignable-report.ts';
export { checkAgainstRelease, type ReleasedHost } from './verify-against-release.ts';
export { type KeyOfRecord, type SignedEvidence, type VerifiedEvidence, verifyEvidence } from './verify-evidence.ts';
export {
  leastSeverities,
  type ReleasedCompliance,
  readStaticReport,
  readWaivers,
  releasedClosures,
  type StaticReportQuestion,
  verifyStaticReport,
} from './verify-static-report.ts';
export {
  type RefusedWaiver,
  type SeverityOf,
  type VerifiedRegister,
  type VerifiedWaiver,
  verifyRegister,
  verifyWaiver,
  type WaiverState,
  waiverEndsWithinDays,
  waiverProblems,
  waiverState,
  waiverWarningDays,
} from './verify-waiver.ts';
export { type ApplicableWaiver, covers, isInScope, type WaiverQuestion, waiverFor } from './waiver-scope.ts';
export { type EndingWaiver, endingWaivers, type WaiverInUse, waiversInUse } from './waivers-in-use.ts';
