import { isIP } from 'node:net';
import { isLoopback } from '../http/address.ts';

/** Where a PostgreSQL database is, and as whom; no secret. */
export interface DatabaseAddress {
  /** Name, address, or the folder of a Unix socket (it begins with `/`). */
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  /** Neither a socket nor this machine: the server must show a certificate for its name. */
  readonly isRemote: boolean;
}

const portDefault = 5432;
const name = /^[A-Za-z0-9_.-]{1,63}$/;

/**
 * `postgres://user@host:port/database`, or `postgres:///database?host=/run/postgresql&user=user` for a Unix socket. A sentence
 * about what is wrong instead: a password in it, too, since settings are readable by everybody and arguments are listed.
 */
export function parseDatabaseUrl(text: string): DatabaseAddress | string {
  if (!URL.canParse(text)) return 'expected postgres://user@host/database';
  const url = new URL(text);
  if (url.protocol !== 'postgres:' && url.protocol !== 'postgresql:') return 'expected postgres://user@host/database';
  if (url.password !== '') return 'must hold no password: write it to a file and name that as passwordFile';
  const unknown = [...url.searchParams.keys()].find((key) => key !== 'host' && key !== 'user');
  if (unknown !== undefined || url.hash !== '')
    return `takes no parameter but host and user, got ${unknown ?? 'a fragment'}`;
  const socket = url.searchParams.get('host');
  if (socket !== null && (url.hostname !== '' || !/^\/[\w./-]{0,90}$/.test(socket))) {
    return 'the parameter host is the folder of a Unix socket, with no host before it';
  }
  const host = socket ?? url.hostname.replace(/^\[(.*)\]$/, '$1');
  if (host === '')
    return 'names no host: postgres://user@host/database, or postgres:///database?host=/run/postgresql&user=user';
  const database = url.pathname.slice(1);
  const user = url.searchParams.get('user') ?? url.username;
  if (!name.test(database)) return 'names no database: postgres://user@host/database';
  if (!name.test(user)) return 'names no user: postgres://user@host/database';
  const isHere = socket !== null || host === 'localhost' || (isIP(host) !== 0 && isLoopback(host));
  return { host, port: url.port === '' ? portDefault : Number(url.port), database, user, isRemote: !isHere };
}
