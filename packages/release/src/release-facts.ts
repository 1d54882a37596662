import { accept, type Commit, type Crypto, refuse, type TrustState } from '@nixfleet/contracts';
import { z } from 'zod';
import { ReleaseError } from './errors.ts';
import type { FleetSource } from './fleet-source.ts';
import type { Git } from './git.ts';
import { belowTop, placeOf } from './pinned-hosts.ts';
import type { ReleaseOutcome } from './release-refusal.ts';
import { signedReview } from './signed-review.ts';

const lockBytesMax = 4 * 1024 * 1024;
const inputsMax = 512;
/** Inputs that follow others that follow others, at most. */
const followsMax = 32;
const line = z.string().min(1).max(256);

/**
 * What somebody else has to say of a release, in a file: who made and who approved the change, as the forge has it, and
 * what a scanner found. Whatever a release sees for itself is not taken from there.
 */
export const StatedFacts = z.strictObject({
  author: line.optional(),
  approvals: z.array(line).max(64).optional(),
  /** Instants in seconds since 1970. */
  advisories: z
    .strictObject({
      snapshotAt: z.int().min(0),
      findings: z.array(z.strictObject({ id: line, severity: line, since: z.int().min(0) })).max(10_000),
    })
    .optional(),
});
export type StatedFacts = z.infer<typeof StatedFacts>;

/** What rules about a release are evaluated with, beside what the fleet itself says under `release`. */
export interface ReleaseFacts extends StatedFacts {
  /** Seen here. The commit counts over what the fleet says; the rest where it says nothing. */
  readonly observed: {
    readonly revision: Commit;
    readonly isDirty: boolean;
    /** When it was committed, in seconds since 1970: the same commit says the same on every day. */
    readonly evaluatedAt: number;
    /** By git's own signatures; absent where they do not show both. */
    readonly author?: string;
    readonly approvals?: readonly string[];
    /** Of the lock file of that commit; absent where there is none. */
    readonly inputs?: Readonly<Record<string, LockedInput>>;
    /** Null: the source is not here. */
  } | null;
}

export interface LockedInput {
  readonly narHash: string | null;
  /** In seconds since 1970. */
  readonly lastModified: number | null;
}

const Lock = z.object({
  root: z.string(),
  nodes: z.record(
    z.string(),
    z.object({
      inputs: z.record(z.string(), z.union([z.string(), z.array(z.string()).max(16)])).optional(),
      locked: z.object({ narHash: z.string().optional(), lastModified: z.int().optional() }).optional(),
    }),
  ),
});
type Lock = z.infer<typeof Lock>;

/** Reads from git what a release can see of itself. `bad-lock-file` where the lock file of the commit is none. */
export async function observeFacts(
  git: Git,
  {
    commit,
    fleet,
    stated,
    crypto,
    trust,
  }: {
    readonly commit: Commit;
    readonly fleet: FleetSource;
    readonly stated: StatedFacts;
    readonly crypto: Crypto;
    /** Null: nobody's signature is known here. */
    readonly trust: TrustState | null;
  },
): Promise<ReleaseOutcome<ReleaseFacts>> {
  const status = await git.run(['status', '--porcelain']);
  const committed = Number((await git.run(['show', '--no-patch', '--format=%ct', commit])).trim());
  if (!Number.isSafeInteger(committed)) throw new ReleaseError('git', 'git show printed no time');
  const folder = await folderOf(git, fleet);
  const inputs = folder === null ? accept(null) : await lockedInputs(git, commit, folder);
  if (!inputs.ok) return inputs;
  return accept({
    ...stated,
    observed: {
      revision: commit,
      isDirty: status !== '',
      evaluatedAt: committed,
      ...(trust === null ? {} : await signedReview(git, { commit, trust, crypto })),
      ...(inputs.value === null ? {} : { inputs: inputs.value }),
    },
  });
}

/** Where the fleet is below the top of its repository, empty for the top; null where it is fetched. */
async function folderOf(git: Git, fleet: FleetSource): Promise<string | null> {
  const place = placeOf(fleet);
  return place && belowTop(git, fleet.kind === 'file' ? fleet.directory : place.path);
}

async function lockedInputs(
  git: Git,
  commit: Commit,
  folder: string,
): Promise<ReleaseOutcome<Readonly<Record<string, LockedInput>> | null>> {
  const path = folder === '' ? 'flake.lock' : `${folder}/flake.lock`;
  const found = await git.try(['show', `${commit}:${path}`], { stdoutBytesMax: lockBytesMax });
  if (!found.ok) return accept(null);
  const lock = parseLock(found.stdout);
  const root = lock?.nodes[lock.root];
  if (!lock || !root) return refuse('bad-lock-file', `${path} of ${commit}: expected a lock file of a flake`);
  const names = Object.keys(root.inputs ?? {});
  if (names.length > inputsMax) return refuse('bad-lock-file', `${path}: expected at most ${inputsMax} inputs`);
  const entries = names.map((name): [string, LockedInput] => {
    const locked = lock.nodes[nodeOf(lock, [name]) ?? '']?.locked;
    return [name, { narHash: locked?.narHash ?? null, lastModified: locked?.lastModified ?? null }];
  });
  return accept(Object.fromEntries(entries));
}

function parseLock(text: string): Lock | null {
  try {
    return Lock.parse(JSON.parse(text));
  } catch {
    return null;
  }
}

/** The node that a path of inputs leads to from the root; null where it leads nowhere. */
function nodeOf(lock: Lock, path: readonly string[], depth = 0): string | null {
  if (depth > followsMax) return null;
  let at: string | null = lock.root;
  for (const name of path) {
    const next: string | readonly string[] | undefined = at === null ? undefined : lock.nodes[at]?.inputs?.[name];
    if (next === undefined) return null;
    at = typeof next === 'string' ? next : nodeOf(lock, next, depth + 1);
  }
  return at;
}

/** What was seen and what was said, in one line for people. */
export function factsLine({ observed, author, approvals, advisories }: ReleaseFacts): string {
  const inputs = Object.keys(observed?.inputs ?? {}).length;
  const review = observed?.approvals ? `, a merge signed by ${observed.approvals.join(', ')}` : '';
  const seen = observed === null ? 'nothing' : `the commit${inputs === 0 ? '' : `, ${inputs} locked inputs`}${review}`;
  const said = [
    ...(author === undefined ? [] : ['author']),
    ...(approvals === undefined ? [] : [`${approvals.length} approvals`]),
    ...(advisories === undefined ? [] : [`${advisories.findings.length} advisories`]),
  ];
  return `facts of the release: seen ${seen}; stated ${said.join(', ') || 'nothing'}`;
}
