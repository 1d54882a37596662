import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';

const exec = promisify(execFile);

/** What a runner gives to the steps of a workflow. */
export interface Runner {
  /** The repository that is checked out anew for each job. */
  readonly repository: string;
  /** Folder of its own: checkouts, artifacts, temporary files. */
  readonly directory: string;
  /** Found first. */
  readonly programs: string;
  readonly environment: Readonly<Record<string, string>>;
}

/** One job, whatever the forge calls it. */
export interface Job {
  readonly name: string;
  /** Scripts in order, each with the variables of its own. */
  readonly steps: readonly { readonly script: string; readonly environment: Readonly<Record<string, string>> }[];
  /** Paths of artifacts that are there at the beginning, and that are kept at the end. */
  readonly takes: readonly string[];
  readonly keeps: readonly string[];
}

/** Runs one job as a runner does, in a fresh checkout. Returns what it printed; throws where a step fails. */
export async function runJob(runner: Runner, job: Job): Promise<string> {
  const workspace = join(runner.directory, job.name);
  const artifacts = join(runner.directory, 'artifacts');
  const temporary = join(runner.directory, `${job.name}.tmp`);
  await mkdir(temporary, { recursive: true });
  await mkdir(artifacts, { recursive: true });
  await exec('git', ['clone', '--quiet', runner.repository, workspace]);
  for (const path of job.takes) await cp(join(artifacts, basename(path)), join(workspace, path), { recursive: true });
  const exported = join(temporary, 'exported');
  await writeFile(exported, '');
  let printed = '';
  for (const { script, environment } of job.steps) {
    const file = join(temporary, 'step.sh');
    await writeFile(file, script);
    // It is read without being run first: a mistake in its last line is found before its first has an effect.
    await exec('sh', ['-n', file]);
    const env = {
      PATH: `${runner.programs}:${process.env.PATH}`,
      HOME: temporary,
      RUNNER_TEMP: temporary,
      GITHUB_ENV: exported,
      ...runner.environment,
      ...variablesOf(await readFile(exported, 'utf8')),
      ...environment,
    };
    const ran = await exec('bash', ['--noprofile', '--norc', '-e', file], { cwd: workspace, env }).catch(
      (error: { stderr?: string; stdout?: string }) => {
        throw new Error(`${job.name}: ${script}\n${error.stdout}${error.stderr}`, { cause: error });
      },
    );
    printed += ran.stdout + ran.stderr;
  }
  for (const path of job.keeps) await cp(join(workspace, path), join(artifacts, basename(path)), { recursive: true });
  return printed;
}

function variablesOf(lines: string): Record<string, string> {
  const entries = lines.split('\n').filter((line) => line !== '');
  return Object.fromEntries(
    entries.map((line) => {
      const at = line.indexOf('=');
      assert.ok(at > 0, line);
      return [line.slice(0, at), line.slice(at + 1)];
    }),
  );
}
