import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import {
  Commit,
  type DrillPlan,
  DrillRecord,
  type HostName,
  msToInstant,
  type RolloutId,
  sha256Hex,
  syntheticControl,
} from '@nixfleet/contracts';
import { nodeCrypto } from '@nixfleet/contracts/node-crypto';
import { drillProblem, heldHosts, type ObservedDrill, readHistoricManifest } from '@nixfleet/evidence';
import { openGit, systemCommands } from '@nixfleet/release';
import { CliError } from '../cli-error.ts';
import type { CommandContext } from '../command-context.ts';
import type { ExitCode } from '../command-definition.ts';
import type { CommandValues } from '../command-values.ts';
import { writeApprovals, writeApprovedFile } from '../compliance/approved-files.ts';
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
  const folder = values.text('journals');
  const observed = isHostDrill(plan)
    ? await observeHosts(context, values, plan, {
        opened,
        verified,
        folder: folder === undefined ? null : absolutePath(folder, base),
      })
    : await observeRefusal(context, values, plan, { verified, repository, base });
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
  const written = await writeApprovedFile(drillsFolder(repository), record);
  await writeApprovals(written, approvers, `drill@${fleet}`);
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

/** What CI printed, and that no release is of that commit. */
async function observeRefusal(
  context: CommandContext,
  values: CommandValues,
  plan: DrillPlan,
  {
    verified,
    repository,
    base,
  }: {
    readonly verified: VerifiedChain;
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
  const isReleased = verified.release.document.source.commit === commit;
  const rule = `${syntheticControl.controlId} ${syntheticControl.ruleId}`;
  const isTold = plan.hosts.every((host) => text.includes(`static-gate ${host} failed: ${rule}`));
  const now = msToInstant(context.clock.now());
  const isObserved = isTold && !isReleased;
  const afterSeconds = Math.floor((Date.parse(now) - Date.parse(plan.startedAt)) / 1000);
  return {
    ...{ rolloutId: null, commit, startedAt: plan.startedAt, endedAt: now, observedUntil: now, passed: isObserved },
    steps: [
      {
        name: 'release-refused',
        isObserved,
        afterSeconds: isObserved ? afterSeconds : null,
        shownBy: [await sha256Hex(nodeCrypto, log)],
        detail: isReleased
          ? `it is release ${verified.release.document.version}`
          : isTold
            ? 'CI named the rule on each host'
            : `CI did not name ${rule} on each host`,
      },
    ],
  };
}

async function commitOf({ clock }: CommandContext, values: CommandValues, repository: string): Promise<Commit> {
  const typed = values.text('commit');
  if (typed !== undefined) return parseTyped(Commit, typed, '--commit');
  const git = openGit({ commands: systemCommands({ clock }), directory: repository });
  const head = await git.try(['rev-parse', 'HEAD']);
  if (head.ok) return Commit.parse(head.stdout.trim());
  throw new CliError('failed', `${repository}: no commit`, 'say --commit');
}
