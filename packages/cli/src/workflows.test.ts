import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { parse } from 'yaml';
import { z } from 'zod';
import { runNixfleet } from './testing/run-nixfleet.ts';
import { type Job, type Runner, runJob } from './testing/workflow-run.ts';

/**
 * The workflows that `nixfleet init` writes, parsed, held against the forges' documented keys, and run: every step's shell,
 * with its secrets, artifacts and checkouts, against a real forge's repository and a real cache. What stands in for something
 * else: `nix run .#nixfleet`, which needs nixpkgs, and the forge's own runner.
 */

const exec = promisify(execFile);
const root = join(import.meta.dirname, '..', '..', '..');
let folder = '';
const at = (name: string): string => join(folder, name);

const nixOptions = ['sandbox=false', 'build-users-group=', 'substituters=', 'sandbox-paths=/bin /lib /lib64 /usr'];

/** `nix` that runs this program from its source, and with the stand-in for NixOS; all else is the real one's. */
async function nixProgram(): Promise<void> {
  const real = (await exec('sh', ['-c', 'command -v nix'])).stdout.trim();
  await mkdir(at('programs'));
  const options = nixOptions.map((option) => `--nix-option '${option}'`).join(' ');
  const script = `#!/bin/sh
    [ "$1 $2 $3" = 'run .#nixfleet --' ] || exec ${real} "$@"
    shift 3
    case "$1 $2" in
    'release build')
      [ "$3 $4" = '--source .#fleet' ] || { echo "unexpected: $*" >&2; exit 1; }
      shift 4
      set -- release build --source "$PWD/without-nixpkgs.nix" --system x86_64-linux --store ${at('store')} --roots ${at('roots')} ${options} "$@"
      ;;
    esac
    exec ${join(root, 'scripts', 'node')} ${join(root, 'packages', 'cli', 'src', 'main.ts')} "$@"\n`;
  await writeFile(at('programs/nix'), script);
  await chmod(at('programs/nix'), 0o755);
}

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nixfleet-workflows-'));
  await nixProgram();
});
after(async () => {
  await exec('chmod', ['-R', 'u+w', folder]);
  await rm(folder, { recursive: true, force: true });
});

/** A repository as `init` writes it, committed, with its keys aside as a forge's secrets are; and where it publishes. */
async function repository(ci: string): Promise<{ path: string; forge: string; secret: (name: string) => string }> {
  const path = at(ci);
  const forge = at(`${ci}.git`);
  await exec('git', ['init', '--quiet', '--bare', forge]);
  const places = [
    '--releases',
    `${forge}#releases`,
    '--control-plane',
    'https://cp.example.org',
    '--cache',
    'https://c.example.org',
  ];
  const begun = await runNixfleet(['init', path, ...places, '--ci', ci, '--host', 'one-1'], {
    environment: { HOME: folder },
  });
  assert.equal(begun.code, 0, begun.stderr);
  await writeFile(
    join(path, 'without-nixpkgs.nix'),
    `let nixfleet = import ${join(root, 'nix')}; in
      import ./fleet.nix { inherit (nixfleet) mkFleet; inherit (nixfleet.testing) mkHost; }`,
  );
  const secret = (name: string): string => join(path, 'keys', name);
  const trust = ['--document', join(path, 'trust/trust-1.json'), '--root-key', secret('root.pem')];
  const signed = await runNixfleet(['trust', 'init', ...trust, '--releases', `${forge}#releases`]);
  assert.equal(signed.code, 0, signed.stderr);
  const git = ['-C', path, '-c', 'user.name=ada', '-c', 'user.email=ada@example.org'];
  await exec('git', ['init', '--quiet', '--initial-branch=main', path]);
  await exec('git', [...git, 'add', '.']);
  await exec('git', [...git, 'commit', '--quiet', '-m', 'A fleet']);
  return { path, forge, secret };
}

/** Build, sign, publish and a fresh head, as four runners do; then what is published verifies. */
async function releases(jobs: ReadonlyMap<string, Job>, runner: Runner, forge: string): Promise<void> {
  const trust = join(runner.repository, 'trust/trust-1.json');
  const verified = async () => {
    const { code, stdout, stderr } = await runNixfleet([
      'verify',
      'release',
      '--releases',
      `${forge}#releases`,
      '--trust',
      trust,
    ]);
    assert.equal(code, 0, stderr);
    return stdout;
  };
  const job = (name: string): Job => {
    const found = jobs.get(name);
    assert.ok(found, name);
    return found;
  };
  await runJob(runner, job('build'));
  await runJob(runner, job('sign'));
  // There are no floors yet, and nobody looked at what is published: that is refused, and nothing is lost by it.
  await assert.rejects(runJob(runner, { ...job('publish'), name: 'unseen' }), /--first-use/);
  await runJob({ ...runner, environment: { ...runner.environment, FIRST_USE: '--first-use' } }, job('publish'));
  const before = await verified();
  assert.match(before, /release 1/);
  await runJob(runner, job('head'));
  assert.match(await verified(), /head 2/);
}

const expression = /\$\{\{ (.+?) \}\}/g;
const Step = z.strictObject({
  name: z.string().optional(),
  uses: z
    .string()
    .regex(/^[a-z0-9-]+\/[a-z0-9-]+@v\d+$/)
    .optional(),
  with: z.record(z.string(), z.union([z.string(), z.int(), z.boolean()])).optional(),
  run: z.string().optional(),
  env: z.record(z.string(), z.string()).optional(),
});
/** The keys of docs.github.com/actions/reference/workflow-syntax that are used; Forgejo reads the same. */
const Actions = z.strictObject({
  name: z.string(),
  on: z.strictObject({
    push: z.strictObject({ branches: z.array(z.string()) }),
    schedule: z.array(z.strictObject({ cron: z.string().regex(/^(?:[\d*/,-]+ ){4}[\d*/,-]+$/) })),
    workflow_dispatch: z.strictObject({
      inputs: z.record(
        z.string(),
        z.strictObject({ description: z.string(), type: z.literal('boolean'), default: z.boolean() }),
      ),
    }),
  }),
  concurrency: z.strictObject({ group: z.string(), 'cancel-in-progress': z.literal(false) }),
  permissions: z.strictObject({ contents: z.literal('read') }),
  env: z.record(z.string(), z.string()),
  jobs: z.record(
    z.string(),
    z.strictObject({
      if: z.string().optional(),
      needs: z.string().optional(),
      'runs-on': z.string(),
      steps: z.array(Step),
    }),
  ),
});

for (const [ci, file] of [
  ['github', '.github/workflows/release.yml'],
  ['forgejo', '.forgejo/workflows/release.yml'],
] as const) {
  describe(`the workflow for ${ci}`, () => {
    test('has the keys that there are, and each step does one thing', async () => {
      const { path } = await repository(`${ci}`);
      const text = await readFile(join(path, file), 'utf8');
      const workflow = Actions.parse(parse(text));
      for (const { needs, steps } of Object.values(workflow.jobs)) {
        assert.ok(needs === undefined || needs in workflow.jobs, needs);
        for (const step of steps)
          assert.ok((step.run === undefined) !== (step.uses === undefined), JSON.stringify(step));
        // Whoever may write a branch's name or a commit's message must not write shell: values come in as variables alone.
        for (const { run } of steps) assert.doesNotMatch(run ?? '', expression);
      }
      const header = text
        .split('\n')
        .filter((line) => line.startsWith('#'))
        .join('\n');
      for (const [, used = ''] of text.matchAll(/(?:secrets|vars)\.(\w+)/g)) assert.ok(header.includes(used), used);
    });

    test('releases: its steps, run', async () => {
      const path = at(ci);
      const workflow = Actions.parse(parse(await readFile(join(path, file), 'utf8')));
      const secret = (name: string): Promise<string> => readFile(join(path, 'keys', name), 'utf8');
      const values: Readonly<Record<string, string>> = {
        'secrets.NIXFLEET_CACHE_KEY': await secret('cache.sec'),
        'secrets.NIXFLEET_RELEASE_KEY': await secret('release.pem'),
        'secrets.NIXFLEET_HEAD_KEY': await secret('head.pem'),
        'secrets.NIXFLEET_READ_KEY': 'a key of the forge',
        'secrets.NIXFLEET_WRITE_KEY': 'another key of the forge',
        'vars.NIXFLEET_KNOWN_HOSTS': 'git.example.org ssh-ed25519 AAAA',
        'vars.NIXFLEET_PUSH_TO': `file://${at(`${ci}-cache`)}?compression=none&`,
      };
      const job = ([name, { steps }]: [string, z.infer<typeof Actions>['jobs'][string]]): [string, Job] => {
        const paths = (action: string) =>
          steps.filter(({ uses }) => uses?.startsWith(action)).map((step) => String(step.with?.path));
        const scripts = steps.flatMap(({ run, env = {} }) =>
          run === undefined
            ? []
            : {
                script: run,
                environment: Object.fromEntries(
                  Object.entries(env).flatMap(([variable, value]) => {
                    const filled = value.replaceAll(expression, (_, of: string) => {
                      // What a person ticks when he starts it by hand; this test says it by the variable.
                      if (of.startsWith('inputs.first_use')) return '';
                      const known = values[of];
                      assert.ok(known !== undefined, of);
                      return known;
                    });
                    return variable === 'FIRST_USE' ? [] : [[variable, filled]];
                  }),
                ),
              },
        );
        const cached = paths('actions/cache');
        return [
          name,
          {
            name,
            steps: scripts,
            takes: [...paths('actions/download-artifact'), ...(name === 'head' ? cached : [])],
            keeps: [...paths('actions/upload-artifact'), ...cached],
          },
        ];
      };
      const runner: Runner = {
        repository: path,
        directory: at(`${ci}-runner`),
        programs: at('programs'),
        environment: { ...workflow.env, CACHE: `file://${at(`${ci}-cache`)}` },
      };
      await releases(new Map(Object.entries(workflow.jobs).map(job)), runner, at(`${ci}.git`));
      // Nothing of the keys is in what was kept for other jobs.
      for (const name of await readdir(join(runner.directory, 'artifacts'), { recursive: true })) {
        assert.doesNotMatch(name, /\.(?:pem|sec)$/);
      }
    });
  });
}

/** The keys of docs.gitlab.com/ci/yaml that are used. */
const GitlabJob = z.strictObject({
  stage: z.string(),
  resource_group: z.string(),
  environment: z.strictObject({ name: z.string(), action: z.literal('prepare').optional() }),
  rules: z.array(z.strictObject({ if: z.string() })),
  cache: z.strictObject({ key: z.string(), paths: z.array(z.string()) }).optional(),
  script: z.array(z.string()),
  artifacts: z.strictObject({ paths: z.array(z.string()) }).optional(),
});
const Gitlab = z
  .object({
    stages: z.array(z.string()),
    workflow: z.strictObject({ rules: z.array(z.strictObject({ if: z.string() })) }),
    variables: z.record(z.string(), z.union([z.string(), z.int()])),
    default: z.strictObject({ image: z.string() }),
  })
  .catchall(GitlabJob);

describe('the pipeline for GitLab', () => {
  test('has the keys that there are, and every job a stage', async () => {
    const { path } = await repository('gitlab');
    const text = await readFile(join(path, '.gitlab-ci.yml'), 'utf8');
    const { stages, workflow: _, variables: __, default: ___, ...jobs } = Gitlab.parse(parse(text));
    for (const [name, job] of Object.entries(jobs)) assert.ok(stages.includes(job.stage), name);
    const header = text
      .split('\n')
      .filter((line) => line.startsWith('#'))
      .join('\n');
    for (const [, used = ''] of text.matchAll(/\$\{?(NIXFLEET_\w+)/g)) assert.ok(header.includes(used), used);
  });

  test('releases: its scripts, run', async () => {
    const path = at('gitlab');
    const {
      stages,
      workflow: _,
      variables,
      default: ___,
      ...jobs
    } = Gitlab.parse(parse(await readFile(join(path, '.gitlab-ci.yml'), 'utf8')));
    const key = (name: string): string => join(path, 'keys', name);
    await writeFile(at('forge-key'), 'a key of the forge\n');
    const job = ([name, { script, cache, artifacts, stage }]: [string, z.infer<typeof GitlabJob>]): [string, Job] => {
      // A job takes the artifacts of all stages before its own.
      const earlier = Object.values(jobs).filter((other) => stages.indexOf(other.stage) < stages.indexOf(stage));
      return [
        name,
        {
          name,
          steps: [{ script: `${script.join('\n')}\n`, environment: {} }],
          takes: name === 'head' ? (cache?.paths ?? []) : earlier.flatMap((other) => other.artifacts?.paths ?? []),
          keeps: [...(artifacts?.paths ?? []), ...(cache?.paths ?? [])],
        },
      ];
    };
    const runner: Runner = {
      repository: path,
      directory: at('gitlab-runner'),
      programs: at('programs'),
      environment: {
        ...Object.fromEntries(Object.entries(variables).map(([name, value]) => [name, String(value)])),
        CACHE: `file://${at('gitlab-cache')}`,
        NIXFLEET_PUSH_TO: `file://${at('gitlab-cache')}?compression=none&`,
        NIXFLEET_CACHE_KEY: key('cache.sec'),
        NIXFLEET_RELEASE_KEY: key('release.pem'),
        NIXFLEET_HEAD_KEY: key('head.pem'),
        NIXFLEET_READ_KEY: at('forge-key'),
        NIXFLEET_WRITE_KEY: at('forge-key'),
        NIXFLEET_KNOWN_HOSTS: at('forge-key'),
      },
    };
    await releases(new Map(Object.entries(jobs).map(job)), runner, at('gitlab.git'));
  });
});
