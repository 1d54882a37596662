import { execFile, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export const repositoryRoot = join(import.meta.dirname, '..', '..');

/** One evaluation or build of this folder takes well under a second; a hang ends here. */
const timeoutMs = 120_000;
const outputBytesMax = 256 * 1024 * 1024;

/** No settings of the machine: no daemon, no caches, no plug-ins. */
const environment = { PATH: process.env.PATH ?? '', HOME: '/homeless', NIX_CONFIG: 'substitute = false', NIX_PATH: '' };

export type Evaluated =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly message: string };

/**
 * The value of a Nix file or expression as JSON. The store is a dummy: nothing is written and nothing can be built.
 * Failing is a value: what Nix says after `error: `, without its indentation.
 */
export async function evaluate(what: { file: string } | { expression: string }, attribute = ''): Promise<Evaluated> {
  const source = 'file' in what ? [what.file] : ['--expr', what.expression];
  const selected = attribute === '' ? [] : ['--attr', attribute];
  const args = ['--eval', '--strict', '--json', '--store', 'dummy://', ...selected, ...source];
  try {
    const { stdout } = await run('nix-instantiate', args, {
      cwd: repositoryRoot,
      env: environment,
      timeout: timeoutMs,
      maxBuffer: outputBytesMax,
    });
    return { ok: true, value: JSON.parse(stdout) };
  } catch (error) {
    const { stderr } = error as { stderr?: string };
    if (stderr === undefined) throw error;
    return { ok: false, message: withoutIndentation(stderr) };
  }
}

/** As `evaluate`; throws if Nix refuses. */
export async function evaluated(what: { file: string } | { expression: string }, attribute = ''): Promise<unknown> {
  const result = await evaluate(what, attribute);
  if (!result.ok) throw new Error(result.message);
  return result.value;
}

export interface FlakeQuery {
  readonly folder: string;
  /** Inputs by name: the folder of the flake that stands for each. Nothing is fetched. */
  readonly inputs?: Readonly<Record<string, string>>;
  /** A store of its own, which the flakes are copied into. */
  readonly store: string;
}

/** An attribute of a flake, or what `apply` makes of it, as JSON. Throws if Nix refuses. */
export async function flakeEvaluated(of: FlakeQuery & { attribute: string; apply?: string }): Promise<unknown> {
  const applied = of.apply === undefined ? [] : ['--apply', of.apply];
  return JSON.parse(await flakeCommand(of, ['eval', '--json', `path:${of.folder}#${of.attribute}`, ...applied]));
}

/** `nix flake check` without building: every output is what its name says. Throws what Nix refuses. */
export async function flakeChecked(of: FlakeQuery): Promise<void> {
  await flakeCommand(of, ['flake', 'check', '--no-build', `path:${of.folder}`]);
}

async function flakeCommand({ store, inputs = {} }: FlakeQuery, args: readonly string[]): Promise<string> {
  const features = ['--extra-experimental-features', 'nix-command flakes', '--offline'];
  const overridden = Object.entries(inputs).flatMap(([name, folder]) => ['--override-input', name, `path:${folder}`]);
  // Flakes take a cache that can be written.
  const env = { ...environment, XDG_CACHE_HOME: join(store, 'cache') };
  const all = [...features, ...args, '--store', store, '--no-write-lock-file', ...overridden];
  const { stdout } = await run('nix', all, { env, timeout: timeoutMs, maxBuffer: outputBytesMax });
  return stdout;
}

/** Nix indents the second and later lines of a message, by an amount that differs between versions. */
function withoutIndentation(stderr: string): string {
  const text = stderr.slice(stderr.lastIndexOf('error: ') + 'error: '.length).trimEnd();
  const [first = '', ...rest] = text.split('\n');
  const shown = rest.filter((line) => line.trim() !== '' && !line.includes('--show-trace'));
  const indentation = Math.min(...shown.map((line) => line.length - line.trimStart().length));
  return [first, ...shown.map((line) => `  ${line.slice(indentation)}`)].join('\n').trimEnd();
}

/** What a build with /bin/sh sees in the namespace that a chroot store brings with it; `?`: where there is one. */
const sandboxPaths = '/bin /usr/bin /lib? /lib64? /usr/lib? /usr/lib64?';

/** Builds an expression into a chroot store; returns the store path and where it lies. Throws what Nix said. */
export function buildInto(store: string, expression: string): { storePath: string; path: string } {
  const options = ['sandbox', 'false', 'build-users-group', '', 'sandbox-paths', sandboxPaths];
  const args = ['--store', store, '--no-out-link', '--expr', expression];
  for (let at = 0; at < options.length; at += 2) args.push('--option', options[at] ?? '', options[at + 1] ?? '');
  const built = spawnSync('nix-build', args, {
    cwd: repositoryRoot,
    env: environment,
    timeout: timeoutMs,
    encoding: 'utf8',
  });
  if (built.status !== 0) throw new Error(`nix-build failed: ${built.stderr}`);
  const storePath = built.stdout.trim();
  return { storePath, path: join(store, storePath) };
}

/** The runtime closure of a path in a chroot store, sorted. */
export function closureOf(store: string, storePath: string): string[] {
  const listed = spawnSync('nix-store', ['--store', store, '--query', '--requisites', storePath], {
    env: environment,
    timeout: timeoutMs,
    encoding: 'utf8',
  });
  if (listed.status !== 0) throw new Error(`nix-store failed: ${listed.stderr}`);
  return listed.stdout.trim().split('\n').sort();
}
