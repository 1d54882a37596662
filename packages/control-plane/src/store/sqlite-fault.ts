import { ControlPlaneError, messageOf } from '../errors.ts';

// Primary result codes (sqlite.org/rescode.html).
const full = 13;
const ioError = 10;
const corrupt = 11;
const notADatabase = 26;
const busy = 5;
/** SQLITE_IOERR_WRITE and _FSYNC come with ENOSPC on file systems that find out late. */
const lateFull = new Set([778, 1034]);

/** What SQLite threw, as this package's fault. */
export function sqliteFault(error: unknown, doing: string): ControlPlaneError {
  if (error instanceof ControlPlaneError) return error;
  const code = errcodeOf(error);
  const text = `${doing}: ${messageOf(error)}`;
  const primary = code & 0xff;
  if (primary === full || (primary === ioError && lateFull.has(code))) {
    return new ControlPlaneError('disk-full', `${text}; free some space in the state directory`, { cause: error });
  }
  if (primary === corrupt || primary === notADatabase) {
    const hint = 'move the state directory away and start again: it is rebuilt from the hosts';
    return new ControlPlaneError('state-unreadable', `${text}; ${hint}`, { cause: error });
  }
  if (primary === busy) {
    const hint = 'another control plane uses this state directory';
    return new ControlPlaneError('state-unreadable', `${text}; ${hint}`, { cause: error });
  }
  return new ControlPlaneError('store-failed', text, { cause: error });
}

function errcodeOf(error: unknown): number {
  return error instanceof Error && 'errcode' in error && typeof error.errcode === 'number' ? error.errcode : 0;
}
