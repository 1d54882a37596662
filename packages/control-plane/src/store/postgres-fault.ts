import { ControlPlaneError, messageOf } from '../errors.ts';

// SQLSTATE (postgresql.org/docs/current/errcodes-appendix.html).
const diskFull = '53100';
/** Wrong password, unknown user, unknown database, no right to connect. */
const refusals = /^(?:28|3D000|42501)/;
/** Corrupted data or index; a table or column that another program changed. */
const unreadable = /^(?:XX00[12]|42P01|42703)/;

/** What PostgreSQL or the way to it threw, as this package's fault. */
export function postgresFault(error: unknown, doing: string): ControlPlaneError {
  if (error instanceof ControlPlaneError) return error;
  const text = `${doing}: ${messageOf(error) || 'no connection'}`;
  const state = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
  if (state === diskFull) {
    return new ControlPlaneError('disk-full', `${text}; free some space at the database server`, { cause: error });
  }
  if (refusals.test(state)) {
    const hint = 'correct `database`, or give that user the rights of the database’s owner';
    return new ControlPlaneError('bad-config', `${text}; ${hint}`, { cause: error });
  }
  if (unreadable.test(state)) {
    const hint = 'drop the database and create it anew: it is filled again from the hosts';
    return new ControlPlaneError('state-unreadable', `${text}; ${hint}`, { cause: error });
  }
  return new ControlPlaneError('store-failed', text, { cause: error });
}
