export { type Approver, addApprovals, fileApprover, signerApprover } from './approver.ts';
export { type AssembleInput, type AssembleOutcome, type Assembly, assemble } from './assemble.ts';
export type { BinaryCache } from './binary-cache.ts';
export { type Build, type BuildInput, type BuildPorts, buildFleet, readTopology } from './build.ts';
export { BuildHost, BuildResult, parseBuildResult } from './build-result.ts';
export { verifyCachedClosures } from './cached-closure.ts';
export type { HostClosure } from './channel-manifest.ts';
export { closurePaths } from './closure-paths.ts';
export type { CommandRequest, CommandResult, Commands } from './commands.ts';
export {
  type AssembledCompliance,
  readStaticReport,
  type StaticGateRefusal,
} from './compliance.ts';
export {
  endingWaiverLine,
  reportComplianceWarnings,
  reportStaticFailures,
  staticFailureLines,
} from './compliance-lines.ts';
export { directoryTarget } from './directory-target.ts';
export { openDirectoryTree } from './directory-tree.ts';
export { type Package, packagesOf, parseDrvName } from './drv-name.ts';
export { type Emergency, emergencySecondsMax } from './emergency.ts';
export { ReleaseError, type ReleaseErrorCode } from './errors.ts';
export { type EvaluationLimits, evaluateHosts } from './evaluate-hosts.ts';
export { type FoundHold, findHolds } from './find-holds.ts';
export { type FleetSource, parseFleetSource } from './fleet-source.ts';
export { type FloorStore, Floors, fileFloors } from './floors.ts';
export { type Git, openGit } from './git.ts';
export { type GitTargetConfig, gitTarget } from './git-target.ts';
export { openGitTree } from './git-tree.ts';
export {
  type ApprovalPublished,
  type HoldPublisher,
  holdChannel,
  listHolds,
  resumeChannel,
  signHold,
} from './hold.ts';
export { hookSigner, signHookTimeoutMs } from './hook-signer.ts';
export { comparePackages, type HostChange, hostChanges } from './host-changes.ts';
export { describeKey, type KeyDescription, newKey, parsePublicKey, showKey } from './keys.ts';
export { fingerprintOf, type NarInfo, parseNarInfo, verifyNarInfo } from './nar-info.ts';
export type { Nix, NixCall, NixOutcome, Topology } from './nix.ts';
export { openCache } from './open-cache.ts';
export { type PathInfo, parseValidityRegistration } from './path-info.ts';
export { fileSigner, parsePrivateKey } from './private-key-file.ts';
export { type ProcessMemory, systemProcessMemory } from './process-memory.ts';
export { noProgress, type Progress, type ProgressEvent, type ReleaseStep } from './progress.ts';
export { checkRollback, publish, publishTrust, type Snapshot, verifyTree } from './publish.ts';
export { type PushTarget, pushClosures } from './push.ts';
export {
  noFloors,
  type ReadFloors,
  readPublished,
  readRelease,
  readTrust,
  type TrustChain,
  type VerifiedTree,
} from './read-release.ts';
export {
  type ReleaseBase,
  type ReleaseInput,
  type ReleasePorts,
  type ReleaseRun,
  type ReleaseSummary,
  readBase,
  release,
  signPending,
} from './release.ts';
export { type ReleaseFacts, StatedFacts } from './release-facts.ts';
export { type ReleaseFiles, readReleaseFiles } from './release-files.ts';
export type { ReleaseOutcome, ReleaseRefusal, ReleaseRefusalCode } from './release-refusal.ts';
export type { ReleaseTarget } from './release-target.ts';
export {
  emptyTree,
  overlayTree,
  type ReleaseTree,
  readSigned,
  type TreeChange,
  treeOfFiles,
} from './release-tree.ts';
export { type ChannelTimes, type ResolvedWindows, resolveChannelTimes, resolvedDays } from './resolve-windows.ts';
export { showTrust, type TrustSummary } from './show-trust.ts';
export { type Publisher, type PublishOutcome, renewHead, signAndPublish } from './sign-and-publish.ts';
export { requireRole, signedFiles } from './sign-document.ts';
export {
  headSecondsDefault,
  headSecondsMax,
  headSecondsMin,
  type SignedHead,
  type SignHeadInput,
  signHead,
} from './sign-head.ts';
export { fromPending, pendingDirectory, type SignedRelease, signRelease, toPending } from './sign-release.ts';
export { checkDescent, readSource } from './source-commit.ts';
export { systemChanges } from './system-changes.ts';
export { systemCommands } from './system-commands.ts';
export { type NixConfig, systemNix } from './system-nix.ts';
export {
  initTrust,
  pendingTrustPath,
  readPendingTrust,
  signTrust,
  type TrustContent,
  type TrustProposal,
  trustChange,
  updateTrust,
} from './trust.ts';
export { endTrial, type TrialInput, type TrialRun, tryHost } from './try-host.ts';
export { type CacheProblem, type CacheProblemCode, verifyCache } from './verify-cache.ts';
