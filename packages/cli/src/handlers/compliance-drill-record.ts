import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import {
  Commit,
  canonicalBytes,
  type DrillPlan,
  DrillRecord,
  documentBytesMax,
  type HostName,
  type Json,
  msToInstant,
  ReleaseDocument,
  type RolloutId,
  readDocument,
  sha256Hex,
  syntheticControl,
} from '@nixfleet/contracts';
import { nodeCrypto } from '@nixfleet/contracts/node-crypto';
import { drillProblem, heldHosts, type ObservedDrill, readHistoricManifest } from '@nixfleet/evidence';
import { type Approver, addApprovals, openGit, requireRole, systemCommands } from '@nixfleet/release';
import { CliError } from '../cli-error.ts';
import type { CommandContext } from '../command-context.ts';
import type { ExitCode } from '../command-definition.ts';
import type { CommandValues } from '../command-values.ts';
import { writeApprovedFile, writeSignatures } from '../compliance/approved-files.ts';
import { absolutePath } from '../config/absolute-path.ts';
import { drillLine, stepLine } from '../drill/describe-drill.ts';
import { drillsFolder, readPlan, removePlan } from '../drill/drill-files.ts';
import { drillJournals } from '../drill/drill-journals.ts';
import { type HostDrillPlan, observedOf, watchDrill } from '../drill/watch-drill.ts';
import { parseTyped } from '../parse-typed.ts';
import { parseApprovers } from '../release-setup/approvers.ts';
import { type VerifiedChain, verifyChain } from '../verification/chain.ts';
import { type OpenedChain, openChain } from '../verification/open-chain.ts';

const logBytesMax = 16 * 1024 * 1024;

type Observed = Pick<DrillRecord, 'rolloutId' | 'steps' | 'passed' | 'startedAt' | 'endedAt' | 'observedUntil'> &
  Partial<Pick<DrillRecord, 'held' | 'commit'>>;

export async function run(context: CommandContext, values: CommandValues): Promise<ExitCode> {
  const { terminal, clock, workingDirectory, environment } = context;
  const base = { base: workingDirectory, home: environment.HOME ?? homedir() };
  const repository = absolutePath(values.text('repository') ?? '.', base);
  const plan = await readPlan(repository);
  if (!plan) {
    throw new CliError('failed', `${repository}: no drill is under way`, 'start one: nixfleet compliance drill start');
  }
  // Before anything is waited for: a key that is of no use is told at once.
  const approvers = await parseApprovers(context, values, systemCommands({ clock }));
  if (approvers.length === 0) throw new CliError('usage', '--approver-key is missing', 'an approver signs the record');
  const opened = await openChain(context, values);
  const verified = await chainOf(opened);
  await requireApprovers(verified, approvers);
  const folder = values.text('journals');
  const observed = isHostDrill(plan)
    ? await observeHosts(context, values, plan, {
        opened,
        verified,
        folder: folder === undefined ? null : absolutePath(folder, base),
      })
    : await observeRefusal(context, values, plan, { opened, repository, base });
  const { fleet } = opened.chain.ctx;
  const { id, failAt, hosts, deadline, limitSeconds } = plan;
  const record = DrillRecord.parse({
    ...{ type: 'drill', fleet, schemaVersion: 1, id, rule: syntheticControl.ruleId, failAt, hosts },
    ...{ deadline, limitSeconds },
    ...observed,
  });
  const problem = drillProblem(record);
  if (problem !== null) throw new CliError('failed', `${id}: ${problem}`, 'this is a bug');
  for (const step of record.steps) terminal.talk(stepLine(step));
  // Signed first: a key that does not sign after all leaves the drill under way, to be recorded again.
  const bytes = canonicalBytes(record as unknown as Json);
  const signed = await addApprovals({
    ...{ crypto: nodeCrypto, signed: { bytes, signatures: new Map() }, approvers, trust: verified.trust },
    namespace: `drill@${fleet}`,
  });
  if (!signed.ok) throw new CliError('failed', `${signed.reason}: ${signed.detail}`, 'nothing was recorded');
  const written = await writeApprovedFile(drillsFolder(repository), record);
  await writeSignatures(written.path, signed.value.sshSignatures ?? new Map());
  await removePlan(repository);
  if (values.flag('json')) terminal.result(JSON.stringify(record, null, 2));
  else {
    terminal.result(drillLine(record));
    terminal.result(`wrote ${written.path}: commit it with its signature, and without compliance/drill.json`);
  }
  return record.passed ? 0 : 1;
}

function isHostDrill(plan: DrillPlan): plan is HostDrillPlan {
  return plan.failAt !== 'static';
}

async function chainOf({ chain, start }: OpenedChain): Promise<VerifiedChain> {
  const verified = await verifyChain(chain, start);
  if (verified.ok) return verified.value;
  throw new CliError('failed', `${verified.reason}: ${verified.detail}`, 'see nixfleet verify release');
}

/** A record that no approver signed counts for nothing, and would have ended the drill. */
async function requireApprovers({ trust }: VerifiedChain, approvers: readonly Approver[]): Promise<void> {
  const known = await requireRole({
    ...{ crypto: nodeCrypto, signers: approvers, states: [trust] },
    ...{ names: trust.document.roles.approver.signers, role: 'approver' },
  });
  if (known.ok) return;
  const next = `have an approver of trust ${trust.document.version} record it: nixfleet trust show`;
  throw new CliError('failed', `${known.reason}: ${known.detail}`, next);
}

/** Watches, then asks once more with the hosts of later waves, which the rollout's manifest names. */
async function observeHosts(
  context: CommandContext,
  values: CommandValues,
  plan: HostDrillPlan,
  {
    opened,
    verified,
    folder,
  }: { readonly opened: OpenedChain; readonly verified: VerifiedChain; readonly folder: string | null },
): Promise<Observed> {
  const { ctx } = opened.chain;
  const journalsOf = drillJournals(context, values, { ctx, fleet: verified.fleet, folder });
  const rolloutId = await watchDrill(context, plan, { journalsOf, mayWait: !values.flag('at-once') });
  if (rolloutId === null) {
    throw new CliError(
      'failed',
      `${plan.hosts.join(', ')}: no switch since ${plan.startedAt}`,
      'release the commit with compliance/drill.json, and ask again before its deadline',
    );
  }
  const held = await laterHosts(await openChain(context, values), rolloutId, plan.hosts);
  const until = msToInstant(context.clock.now());
  const journals = await journalsOf([...plan.hosts, ...held]);
  const observed: ObservedDrill = observedOf(plan, { journals, held, rolloutId, until });
  const { startedAt, endedAt, steps, passed } = observed;
  return {
    ...{ rolloutId, held: [...held], endedAt, observedUntil: until, passed, steps: [...steps] },
    startedAt: startedAt ?? plan.startedAt,
  };
}

async function laterHosts(
  { chain: { ctx, place } }: OpenedChain,
  rolloutId: RolloutId,
  hosts: readonly HostName[],
): Promise<readonly HostName[]> {
  const read = (path: string, bytesMax: number) => place.read(path, bytesMax);
  const manifest = await readHistoricManifest(ctx, read, rolloutId);
  if (!manifest.ok) throw new CliError('failed', `rollout ${rolloutId}: ${manifest.detail}`, 'check --releases');
  const stranger = hosts.find((host) => !Object.hasOwn(manifest.value.hosts, host));
  if (stranger === undefined) return heldHosts(manifest.value, hosts);
  throw new CliError('failed', `${stranger}: not of channel ${manifest.value.channel}`, 'a drill is of one channel');
}

/** What CI printed, and that no release is of that commit: the current one, or one before it. */
async function observeRefusal(
  context: CommandContext,
  values: CommandValues,
  plan: DrillPlan,
  {
    opened,
    repository,
    base,
  }: {
    readonly opened: OpenedChain;
    readonly repository: string;
    readonly base: { readonly base: string; readonly home: string };
  },
): Promise<Observed> {
  const typed = values.text('ci-log');
  if (typed === undefined) throw new CliError('usage', '--ci-log is missing', 'give what CI printed');
  const path = absolutePath(typed, base);
  const log = new Uint8Array(await readFile(path));
  if (log.length > logBytesMax) throw new CliError('failed', `${path}: more than ${logBytesMax} bytes`, 'cut it');
  const text = new TextDecoder().decode(log);
  const commit = await commitOf(context, values, repository);
  const version = await releaseOf(opened.chain, commit);
  const rule = `${syntheticControl.controlId} ${syntheticControl.ruleId}`;
  const isTold = plan.hosts.every((host) => text.includes(`static-gate ${host} failed: ${rule}`));
  const now = msToInstant(context.clock.now());
  const isObserved = isTold && version === null;
  const afterSeconds = Math.floor((Date.parse(now) - Date.parse(plan.startedAt)) / 1000);
  return {
    ...{ rolloutId: null, commit, startedAt: plan.startedAt, endedAt: now, observedUntil: now, passed: isObserved },
    steps: [
      {
        name: 'release-refused',
        isObserved,
        afterSeconds: isObserved ? afterSeconds : null,
        shownBy: [await sha256Hex(nodeCrypto, log)],
        detail:
          version !== null
            ? `it is release ${version}`
            : isTold
              ? 'CI named the rule on each host'
              : `CI did not name ${rule} on each host`,
      },
    ],
  };
}

/**
 * The version of a release that was made of a commit; null if none was. Every document that lies there counts, whoever signed it:
 * one that speaks against the drill is never overlooked.
 */
async function releaseOf({ ctx, place }: OpenedChain['chain'], commit: Commit): Promise<number | null> {
  for (const name of await place.list('release')) {
    if (!/^[0-9a-f]{64}\.json$/.test(name)) continue;
    const bytes = await place.read(`release/${name}`, documentBytesMax.release);
    const read = bytes && readDocument(ctx.fleet, { type: 'release', schema: ReleaseDocument }, bytes);
    if (read?.ok && read.value.document.source.commit === commit) return read.value.document.version;
  }
  return null;
}

async function commitOf({ clock }: CommandContext, values: CommandValues, repository: string): Promise<Commit> {
  const typed = values.text('commit');
  if (typed !== undefined) return parseTyped(Commit, typed, '--commit');
  const git = openGit({ commands: systemCommands({ clock }), directory: repository });
  const head = await git.try(['rev-parse', 'HEAD']);
  if (head.ok) return Commit.parse(head.stdout.trim());
  throw new CliError('failed', `${repository}: no commit`, 'say --commit');
}
