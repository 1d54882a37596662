import type { CommandDefinition } from './command-definition.ts';
import { adoptCommand } from './commands/adopt.ts';
import { agentHoldCommand } from './commands/agent-hold.ts';
import { agentResumeCommand } from './commands/agent-resume.ts';
import { agentRunCommand } from './commands/agent-run.ts';
import { agentStatusCommand } from './commands/agent-status.ts';
import { checkCommand } from './commands/check.ts';
import { complianceCheckCommand } from './commands/compliance-check.ts';
import { complianceCollectCommand } from './commands/compliance-collect.ts';
import { complianceDiffCommand } from './commands/compliance-diff.ts';
import { complianceDrillListCommand } from './commands/compliance-drill-list.ts';
import { complianceDrillRecordCommand } from './commands/compliance-drill-record.ts';
import { complianceDrillStartCommand } from './commands/compliance-drill-start.ts';
import { complianceExplainCommand } from './commands/compliance-explain.ts';
import { complianceFetchCommand } from './commands/compliance-fetch.ts';
import { complianceGapCommand } from './commands/compliance-gap.ts';
import { compliancePacketCreateCommand } from './commands/compliance-packet-create.ts';
import { compliancePacketVerifyCommand } from './commands/compliance-packet-verify.ts';
import { complianceStatusCommand } from './commands/compliance-status.ts';
import { complianceWaiverApproveCommand } from './commands/compliance-waiver-approve.ts';
import { complianceWaiverExpiringCommand } from './commands/compliance-waiver-expiring.ts';
import { complianceWaiverListCommand } from './commands/compliance-waiver-list.ts';
import { complianceWaiverNewCommand } from './commands/compliance-waiver-new.ts';
import { configShowCommand } from './commands/config-show.ts';
import { controlPlaneRunCommand } from './commands/control-plane-run.ts';
import { demoCommand } from './commands/demo.ts';
import { headSignCommand } from './commands/head-sign.ts';
import { holdCommand } from './commands/hold.ts';
import { holdsListCommand } from './commands/holds-list.ts';
import { hostAddCommand } from './commands/host-add.ts';
import { hostRotateCommand } from './commands/host-rotate.ts';
import { hostShowCommand } from './commands/host-show.ts';
import { initCommand } from './commands/init.ts';
import { keysNewCommand } from './commands/keys-new.ts';
import { keysShowCommand } from './commands/keys-show.ts';
import { planCommand } from './commands/plan.ts';
import { releaseCommand } from './commands/release.ts';
import { releaseApproveCommand } from './commands/release-approve.ts';
import { releaseAssembleCommand } from './commands/release-assemble.ts';
import { releaseBuildCommand } from './commands/release-build.ts';
import { releasePublishCommand } from './commands/release-publish.ts';
import { releaseSignCommand } from './commands/release-sign.ts';
import { resumeCommand } from './commands/resume.ts';
import { rolloutEventsCommand } from './commands/rollout-events.ts';
import { rolloutListCommand } from './commands/rollout-list.ts';
import { rolloutShowCommand } from './commands/rollout-show.ts';
import { statusCommand } from './commands/status.ts';
import { trustInitCommand } from './commands/trust-init.ts';
import { trustShowCommand } from './commands/trust-show.ts';
import { trustSignCommand } from './commands/trust-sign.ts';
import { trustUpdateCommand } from './commands/trust-update.ts';
import { tryCommand } from './commands/try.ts';
import { verifyJournalCommand } from './commands/verify-journal.ts';
import { verifyReleaseCommand } from './commands/verify-release.ts';
import { verifyRolloutCommand } from './commands/verify-rollout.ts';
import { verifyTrustCommand } from './commands/verify-trust.ts';
import { whyCommand } from './commands/why.ts';

export interface CommandGroup {
  readonly name: string;
  readonly summary: string;
}

/** First words that stand before a command of their own. */
export const commandGroups: readonly CommandGroup[] = [
  { name: 'rollout', summary: 'look at rollouts' },
  { name: 'holds', summary: 'look at what holds channels' },
  { name: 'host', summary: 'look at a host, declare one' },
  { name: 'trust', summary: 'who may sign what' },
  { name: 'keys', summary: 'make and show keys' },
  { name: 'release', summary: 'the steps by themselves: build, assemble, sign, publish' },
  { name: 'head', summary: 'the head of the releases' },
  { name: 'agent', summary: 'the agent of this host' },
  { name: 'control-plane', summary: 'the control plane of a fleet' },
  { name: 'verify', summary: 'check signed documents and journals, offline' },
  { name: 'compliance', summary: 'what was measured, what was waived, and evidence of it' },
  { name: 'compliance drill', summary: 'show that the gate stops what fails' },
  { name: 'compliance packet', summary: 'evidence for an auditor' },
  { name: 'compliance waiver', summary: 'accept a risk for a time' },
  { name: 'config', summary: 'settings of this program' },
];

/** Every command, in the order of the help. */
export const commands: readonly CommandDefinition[] = [
  statusCommand,
  whyCommand,
  planCommand,
  tryCommand,
  holdCommand,
  resumeCommand,
  holdsListCommand,
  demoCommand,
  initCommand,
  adoptCommand,
  checkCommand,
  rolloutListCommand,
  rolloutShowCommand,
  rolloutEventsCommand,
  hostShowCommand,
  hostAddCommand,
  hostRotateCommand,
  trustInitCommand,
  trustUpdateCommand,
  trustSignCommand,
  trustShowCommand,
  keysNewCommand,
  keysShowCommand,
  releaseCommand,
  releaseBuildCommand,
  releaseAssembleCommand,
  releaseSignCommand,
  releaseApproveCommand,
  releasePublishCommand,
  headSignCommand,
  agentRunCommand,
  agentStatusCommand,
  agentHoldCommand,
  agentResumeCommand,
  controlPlaneRunCommand,
  verifyTrustCommand,
  verifyReleaseCommand,
  verifyRolloutCommand,
  verifyJournalCommand,
  complianceCheckCommand,
  complianceStatusCommand,
  complianceCollectCommand,
  complianceExplainCommand,
  complianceGapCommand,
  complianceDiffCommand,
  complianceFetchCommand,
  complianceWaiverNewCommand,
  complianceWaiverApproveCommand,
  complianceWaiverListCommand,
  complianceWaiverExpiringCommand,
  complianceDrillStartCommand,
  complianceDrillRecordCommand,
  complianceDrillListCommand,
  compliancePacketCreateCommand,
  compliancePacketVerifyCommand,
  configShowCommand,
];
