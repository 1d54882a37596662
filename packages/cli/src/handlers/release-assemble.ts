import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { msToInstant } from '@nixfleet/contracts';
import { systemClock } from '@nixfleet/contracts/node-clock';
import { nodeCrypto } from '@nixfleet/contracts/node-crypto';
import {
  assemble,
  type BuildResult,
  closurePaths,
  hostChanges,
  parseBuildResult,
  type ReleaseSummary,
  readBase,
  reportComplianceWarnings,
  reportStaticFailures,
  systemNix,
  verifyCachedClosures,
} from '@nixfleet/release';
import { CliError } from '../cli-error.ts';
import type { CommandContext } from '../command-context.ts';
import type { ExitCode } from '../command-definition.ts';
import type { CommandValues } from '../command-values.ts';
import { ciReportWriter } from '../compliance/ci-report.ts';
import { absolutePath } from '../config/absolute-path.ts';
import { showRefusal } from '../refusal-line.ts';
import { requireEmpty, writeAssembly } from '../release-setup/assembly-directory.ts';
import { cacheOf, requireCache, retryHosts } from '../release-setup/build-setup.ts';
import { emergencyOf } from '../release-setup/emergency.ts';
import { openPublisher, openWorkshop } from '../release-setup/workshop.ts';
import { releaseSummary } from '../render/release-summary.ts';
import { summaryJson } from './release.ts';

/** Largest build result, in bytes: every package of a large fleet. */
const buildResultBytesMax = 256 * 1024 * 1024;

export async function run(context: CommandContext, values: CommandValues): Promise<ExitCode> {
  const { terminal } = context;
  const from = { base: context.workingDirectory, home: context.environment.HOME ?? homedir() };
  const emergency = emergencyOf(values, msToInstant(systemClock.now()));
  const onStaticReport = ciReportWriter(context, values);
  const builds = await readBuilds(values.list('build').map((path) => absolutePath(path, from)));
  const output = absolutePath(values.text('output') ?? 'release', from);
  await requireEmpty(output);
  const cache = requireCache(cacheOf(values));
  const workshop = await openWorkshop(context, values);
  const publisher = await openPublisher(context, values, workshop);
  const base = await readBase(workshop.ctx, publisher, systemClock);
  if (!base.ok) return showRefusal(terminal, base);
  const { previous, chain, snapshot } = base.value;
  const assembled = await assemble({
    crypto: nodeCrypto,
    builds,
    previous,
    previousTree: snapshot.tree,
    trust: chain.newest,
    trustStates: chain.states,
    now: msToInstant(systemClock.now()),
    carryOver: values.flag('carry-over'),
    retry: retryHosts(values),
    force: values.flag('force'),
    onStaticReport,
    ...(emergency === undefined ? {} : { emergency }),
  });
  if (!assembled.ok) {
    reportStaticFailures(publisher.progress, assembled);
    return showRefusal(terminal, assembled);
  }
  if (assembled.value.kind === 'nothing-to-release') {
    reportComplianceWarnings(publisher.progress, assembled.value.compliance);
    const version = previous?.release.document.version ?? 0;
    if (values.flag('json')) terminal.result(JSON.stringify({ kind: 'nothing-to-release', version }));
    else terminal.result(`nothing to release: release ${version} says the same`);
    return 0;
  }
  const { assembly } = assembled.value;
  reportComplianceWarnings(publisher.progress, assembly.compliance);
  const keys = chain.newest.document.cacheKeys;
  const inCache = await verifyCachedClosures({ crypto: nodeCrypto, cache, keys, closures: assembly.closures });
  if (!inCache.ok) return showRefusal(terminal, inCache);
  await writeAssembly(output, assembly.change);
  const nix = systemNix({ commands: workshop.commands, config: {} });
  const changes = await hostChanges({ assembly, previous, pathsOf: closurePaths(nix, cache) });
  const previousVersion = previous?.release.document.version ?? null;
  const summary: ReleaseSummary = { assembly, changes, warnings: [], previousVersion };
  if (values.flag('json'))
    terminal.result(JSON.stringify({ kind: 'assembled', ...summaryJson(summary), output }, null, 2));
  else {
    for (const line of releaseSummary(summary, terminal)) terminal.result(line);
    terminal.result('');
    terminal.result(`assembled in ${output}: next nixfleet release sign ${output}`);
  }
  return 0;
}

async function readBuilds(paths: readonly string[]): Promise<BuildResult[]> {
  if (paths.length === 0)
    throw new CliError('usage', 'no builds', 'pass --build with what nixfleet release build wrote');
  const builds: BuildResult[] = [];
  for (const path of paths) {
    const text = await readFile(path, 'utf8');
    if (text.length > buildResultBytesMax) throw new CliError('failed', `${path}: too large`, 'name a build result');
    let json: unknown;
    try {
      json = JSON.parse(text);
    } catch {
      throw new CliError('failed', `${path}: not JSON`, 'name a file that nixfleet release build wrote');
    }
    builds.push(parseBuildResult(json, path));
  }
  return builds;
}
