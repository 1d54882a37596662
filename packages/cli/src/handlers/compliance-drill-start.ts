import { homedir } from 'node:os';
import { addSeconds, DrillFailAt, DrillPlan, drillSecondsMax, instantToMs, msToInstant } from '@nixfleet/contracts';
import { CliError } from '../cli-error.ts';
import type { CommandContext } from '../command-context.ts';
import type { ExitCode } from '../command-definition.ts';
import type { CommandValues } from '../command-values.ts';
import { nextId } from '../compliance/approved-files.ts';
import { absolutePath } from '../config/absolute-path.ts';
import { expectedSteps, optionLines } from '../drill/describe-drill.ts';
import { drillsFolder, readPlan, writePlan } from '../drill/drill-files.ts';
import { parseDuration } from '../parse-duration.ts';
import { parseTyped } from '../parse-typed.ts';

/** Until when the control fails, and how long the gate may take, where nobody says. */
const defaults = { life: '1h', limit: '15min' } as const;

export async function run(context: CommandContext, values: CommandValues): Promise<ExitCode> {
  const { terminal, clock, workingDirectory, environment } = context;
  const repository = absolutePath(values.text('repository') ?? '.', {
    base: workingDirectory,
    home: environment.HOME ?? homedir(),
  });
  const underWay = await readPlan(repository);
  if (underWay) {
    throw new CliError('failed', `drill ${underWay.id} is under way`, 'end it with nixfleet compliance drill record');
  }
  const hosts = [...new Set(values.list('host'))].sort();
  if (hosts.length === 0) throw new CliError('usage', '--host is missing', 'name the hosts that shall fail');
  const failAt = values.text('fail-at');
  if (failAt === undefined) {
    throw new CliError('usage', '--fail-at is missing', `one of ${DrillFailAt.options.join(', ')}`);
  }
  const life = parseDuration(values.text('for') ?? defaults.life, '--for');
  const limitSeconds = parseDuration(values.text('limit') ?? defaults.limit, '--limit');
  if (life > drillSecondsMax || limitSeconds > life) {
    throw new CliError('usage', '--limit and --for', 'the limit is at most as long as the drill, and the drill a day');
  }
  const startedAt = msToInstant(clock.now());
  const deadline = addSeconds(startedAt, life);
  const draft = {
    schemaVersion: 1,
    id: await nextId(drillsFolder(repository), 'D', startedAt.slice(0, 4)),
    failAt: parseTyped(DrillFailAt, failAt, '--fail-at'),
    hosts,
    startedAt,
    deadline,
    until: Math.floor(instantToMs(deadline) / 1000),
    limitSeconds,
  };
  const parsed = DrillPlan.safeParse(draft);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new CliError('usage', `${issue?.path.join('.')}: ${issue?.message}`, 'see --help');
  }
  const plan = parsed.data;
  const path = await writePlan(repository, plan);
  if (values.flag('json')) {
    terminal.result(JSON.stringify({ path, plan, expected: expectedSteps(plan.failAt) }, null, 2));
    return 0;
  }
  terminal.result(
    `wrote ${path}: drill ${plan.id}, ${plan.failAt} on ${plan.hosts.join(', ')}, inert from ${deadline}`,
  );
  terminal.result(`expected: ${expectedSteps(plan.failAt).join(', ')}`);
  for (const line of nextSteps(plan)) terminal.result(line);
  return 0;
}

function nextSteps(plan: DrillPlan): readonly string[] {
  const isStatic = plan.failAt === 'static';
  return [
    '1. mkFleet reads it: drill = nixfleet.lib.drillOf ./compliance; without mkFleet, on every host of that channel:',
    ...optionLines(plan).map((line) => `     ${line}`),
    `2. commit it, and ${isStatic ? 'let CI refuse the release' : 'release it like anything else'}`,
    isStatic
      ? '3. nixfleet compliance drill record --ci-log <file> --approver-key <key>'
      : '3. nixfleet compliance drill record --approver-key <key>: watches, writes the record, and ends the drill',
  ];
}
