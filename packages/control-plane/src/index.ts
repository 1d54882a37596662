export { ControlPlaneConfig, parseControlPlaneConfig, ReleaseSourceConfig } from './config.ts';
export { ControlPlane } from './control-plane.ts';
export type { ControlPlaneOptions } from './control-plane-options.ts';
export { ControlPlaneError, type ControlPlaneErrorCode } from './errors.ts';
export type { ApiRequest, ApiResponse, Peer } from './http/message.ts';
export { type Server, type ServerOptions, type ServerTimeouts, startServer } from './http/server.ts';
export { type ServerIdentity, serverIdentity } from './http/server-certificate.ts';
export { defaultLimits, Limits } from './limits.ts';
export { type Log, silentLog } from './log.ts';
export { Metrics } from './metrics.ts';
export { processLog } from './process-log.ts';
export type { Readiness } from './readiness.ts';
export { directorySource } from './release/directory-source.ts';
export { type GitSourceOptions, gitSource } from './release/git-source.ts';
export { type HttpsSourceOptions, httpsSource } from './release/https-source.ts';
export type { ReleaseSnapshot, ReleaseSource } from './release/release-source.ts';
export { isImmutablePath, isSignedPath } from './release/signed-path.ts';
export { type ControlPlaneDeps, type RunningControlPlane, startControlPlane } from './start.ts';
export { type DatabaseAddress, parseDatabaseUrl } from './store/database-url.ts';
export { openPostgresStore, type PostgresStoreOptions } from './store/postgres-store.ts';
export { openSqliteStore, type SqliteStoreOptions } from './store/sqlite-store.ts';
export type {
  AppendOutcome,
  EventEntry,
  ForkEntry,
  JournalExtent,
  JournalPlace,
  LogEntry,
  OwnEntry,
  Store,
  StoredEntry,
  StoredRelease,
  ViewCheckpoint,
} from './store/store.ts';
export { nextTurn } from './turn-clock.ts';
