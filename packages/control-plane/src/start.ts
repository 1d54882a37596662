import { chmod, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock, Crypto, Random } from '@nixfleet/contracts';
import type { ControlPlaneConfig, ReleaseSourceConfig } from './config.ts';
import { ControlPlane } from './control-plane.ts';
import { ControlPlaneError, messageOf } from './errors.ts';
import { startServer } from './http/server.ts';
import { serverIdentity } from './http/server-certificate.ts';
import { defaultLimits } from './limits.ts';
import type { Log } from './log.ts';
import { directorySource } from './release/directory-source.ts';
import { gitSource } from './release/git-source.ts';
import { httpsSource } from './release/https-source.ts';
import type { ReleaseSource } from './release/release-source.ts';
import { parseDatabaseUrl } from './store/database-url.ts';
import { openSqliteStore } from './store/sqlite-store.ts';
import type { Store } from './store/store.ts';
import { nextTurn } from './turn-clock.ts';

/** So many that two control planes of a fleet never have the same. */
const memberIdBytes = 8;

export interface ControlPlaneDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly crypto: Crypto;
  readonly log: Log;
}

export interface RunningControlPlane extends AsyncDisposable {
  readonly address: { readonly host: string; readonly port: number };
  /** SHA-256 of the SPKI that clients must pin. */
  readonly spkiSha256: string;
  readonly controlPlane: ControlPlane;
}

/**
 * A whole control plane: state, release source, planner, TLS server. Disposing it answers every held check-in, waits a
 * moment for requests under way, writes a checkpoint and closes. Throws `ControlPlaneError` with what stops the start.
 */
export async function startControlPlane(
  config: ControlPlaneConfig,
  deps: ControlPlaneDeps,
): Promise<RunningControlPlane> {
  const { clock, log } = deps;
  const limits = { ...defaultLimits, ...withoutUndefined(config.limits) };
  const trust = new Uint8Array(await readSetting('trust', config.trust));
  const identity = await serverIdentity((await readSetting('tlsKey', config.tlsKey)).toString('utf8'), deps);
  await makeStateDirectory(config.stateDirectory);
  await using resources = new AsyncDisposableStack();
  const store = resources.use(await openStore(config, deps));
  const source = resources.use(releaseSource(config.release, { stateDirectory: config.stateDirectory, clock }));
  const { pollSeconds, rebuildSecondsMax, offlineAfterSeconds, evidence } = config;
  const controlPlane = resources.use(
    await ControlPlane.start({
      ...deps,
      trust,
      source,
      store,
      pollSeconds,
      rebuildSecondsMax,
      offlineAfterSeconds,
      evidence,
      limits,
    }),
  );
  const server = resources.use(await startServer({ ...config.listen, controlPlane, identity, limits, clock, log }));
  log.info({ ...server.address, key: identity.spkiSha256, source: source.description }, 'control plane started');
  const running = resources.move();
  return {
    address: server.address,
    spkiSha256: identity.spkiSha256,
    controlPlane,
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

async function openStore(
  { stateDirectory, database }: ControlPlaneConfig,
  { random }: Pick<ControlPlaneDeps, 'random'>,
): Promise<Store> {
  if (!database) return openSqliteStore({ path: join(stateDirectory, 'control-plane.sqlite'), nextTurn });
  const address = parseDatabaseUrl(database.url);
  if (typeof address === 'string') throw new ControlPlaneError('bad-config', `database.url: ${address}`);
  const { passwordFile, caFile } = database;
  const password = passwordFile && (await readSetting('database.passwordFile', passwordFile)).toString('utf8');
  const ca = caFile && (await readSetting('database.caFile', caFile)).toString('utf8');
  // Its driver takes some megabytes, which nobody should pay who does not use it.
  const { openPostgresStore } = await import('./store/postgres-store.ts');
  return openPostgresStore({
    address,
    ...(password !== undefined && { password: password.split('\n', 1)[0] ?? '' }),
    ...(ca !== undefined && { ca }),
    member: Buffer.from(random.bytes(memberIdBytes)).toString('hex'),
    nextTurn,
  });
}

function releaseSource(
  config: ReleaseSourceConfig,
  { stateDirectory, clock }: { readonly stateDirectory: string; readonly clock: Clock },
): ReleaseSource {
  switch (config.kind) {
    case 'git':
      return gitSource({ ...config, mirror: join(stateDirectory, 'releases.git'), clock });
    case 'https':
      return httpsSource({ ...config, clock });
    case 'directory':
      return directorySource(config);
  }
}

type FileSetting = 'trust' | 'tlsKey' | 'database.passwordFile' | 'database.caFile';

async function readSetting(name: FileSetting, path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    throw new ControlPlaneError('bad-config', `${name}: ${messageOf(error)}`, { cause: error });
  }
}

/** Nobody else has business in it. */
async function makeStateDirectory(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
    await chmod(path, 0o700);
  } catch (error) {
    throw new ControlPlaneError('bad-config', `stateDirectory: ${messageOf(error)}`, { cause: error });
  }
}

function withoutUndefined<Value extends object>(value: Value): { [Key in keyof Value]?: NonNullable<Value[Key]> } {
  const entries = Object.entries(value).filter(([, entry]) => entry !== undefined);
  return Object.fromEntries(entries) as { [Key in keyof Value]?: NonNullable<Value[Key]> };
}
