import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Commands } from '@nixfleet/release';
import { z } from 'zod';
import { CliError } from '../cli-error.ts';
import { printable } from '../printable.ts';

export const deploymentKinds = ['colmena', 'deploy-rs', 'flake'] as const;
export type DeploymentKind = (typeof deploymentKinds)[number];

/** What another deployment tool says of its machines, without evaluating any of them. */
export interface Deployment {
  readonly kind: DeploymentKind;
  /** A file of the repository, or an attribute of its flake. */
  readonly origin: string;
  readonly nodes: ReadonlyMap<string, DeploymentNode>;
}

export interface DeploymentNode {
  /** Where ssh reaches it; null: not said, or only by evaluating it. */
  readonly address: string | null;
  readonly tags: readonly string[];
}

const evaluateTimeoutMs = 5 * 60_000;
const outputBytesMax = 16 * 1024 * 1024;
const Nodes = z.record(z.string(), z.object({ address: z.string().nullable(), tags: z.array(z.string()) }));

/** A node is a module: what an attribute set says of its deployment is read, what a function would say is not. */
const ofColmena = `hive: builtins.mapAttrs (name: node:
  let deployment = if builtins.isAttrs node then node.deployment or { } else { }; in {
    address = deployment.targetHost or name;
    tags = deployment.tags or [ ];
  }) (builtins.removeAttrs hive [ "meta" "network" "defaults" ])`;
const ofDeployRs = `nodes: builtins.mapAttrs (name: node: { address = node.hostname or null; tags = [ ]; }) nodes`;
const ofConfigurations = `systems: builtins.mapAttrs (name: _: { address = name; tags = [ ]; }) systems`;

/** The first of these that the repository has, or the one that was asked for. */
export async function readDeployment(
  commands: Commands,
  { directory, kind }: { readonly directory: string; readonly kind: DeploymentKind | null },
): Promise<Deployment> {
  const hasFlake = existsSync(join(directory, 'flake.nix'));
  const attempts: readonly (readonly [DeploymentKind, string, () => Promise<Attempt>])[] = [
    ['colmena', 'hive.nix', () => fromFile(commands, join(directory, 'hive.nix'), ofColmena)],
    ...(hasFlake
      ? ([
          ['colmena', '.#colmena', () => fromFlake(commands, directory, 'colmena', ofColmena)],
          ['deploy-rs', '.#deploy.nodes', () => fromFlake(commands, directory, 'deploy.nodes', ofDeployRs)],
          [
            'flake',
            '.#nixosConfigurations',
            () => fromFlake(commands, directory, 'nixosConfigurations', ofConfigurations),
          ],
        ] as const)
      : []),
  ];
  const problems: string[] = [];
  for (const [candidate, origin, read] of attempts) {
    if (kind !== null && kind !== candidate) continue;
    const found = await read();
    if (found.ok) return { kind: candidate, origin, nodes: new Map(Object.entries(found.nodes)) };
    problems.push(`${origin}: ${found.problem}`);
  }
  const what = problems.length === 0 ? 'neither hive.nix nor flake.nix is here' : problems.map(printable).join('; ');
  throw new CliError(
    'failed',
    `${directory}: ${what}`,
    'name the repository of a hive or a flake, and what it is with --from',
  );
}

type Attempt =
  | { readonly ok: true; readonly nodes: z.infer<typeof Nodes> }
  | { readonly ok: false; readonly problem: string };

async function fromFile(commands: Commands, file: string, select: string): Promise<Attempt> {
  if (!existsSync(file)) return { ok: false, problem: 'is not there' };
  const expression = `{ file }: let found = import (/. + file); in (${select}) (if builtins.isFunction found then found { } else found)`;
  return evaluate(commands, {
    file: 'nix-instantiate',
    args: ['--eval', '--strict', '--json', '--argstr', 'file', file, '--expr', expression],
  });
}

async function fromFlake(commands: Commands, directory: string, attribute: string, select: string): Promise<Attempt> {
  const features = ['--extra-experimental-features', 'nix-command flakes'];
  return evaluate(commands, {
    file: 'nix',
    args: [...features, 'eval', '--json', '--no-write-lock-file', `.#${attribute}`, '--apply', select],
    cwd: directory,
  });
}

async function evaluate(
  commands: Commands,
  request: { readonly file: string; readonly args: readonly string[]; readonly cwd?: string },
): Promise<Attempt> {
  const ran = await commands.run({ ...request, timeoutMs: evaluateTimeoutMs, stdoutBytesMax: outputBytesMax });
  if (ran.outcome !== 'exited' || ran.exitCode !== 0) {
    const said = ran.stderrTail.slice(Math.max(0, ran.stderrTail.lastIndexOf('error: ')));
    return { ok: false, problem: said.split('\n').slice(0, 3).join(' ') || ran.outcome };
  }
  const nodes = Nodes.safeParse(JSON.parse(new TextDecoder().decode(ran.stdout)));
  return nodes.success ? { ok: true, nodes: nodes.data } : { ok: false, problem: z.prettifyError(nodes.error) };
}
