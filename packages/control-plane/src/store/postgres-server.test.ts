import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { chownSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import type { DatabaseAddress } from './database-url.ts';
import { openPostgresStore } from './postgres-store.ts';
import type { Store } from './store.ts';

/** Debian keeps each version's programs in a folder of its own, outside the PATH. */
function programs(): string {
  const versions = '/usr/lib/postgresql';
  const newest = readdirSync(versions).sort((a, b) => Number(b) - Number(a))[0];
  assert.ok(newest, `no PostgreSQL in ${versions}: scripts/setup.sh tests`);
  return join(versions, newest, 'bin');
}

/** PostgreSQL does not run as root, so a test of root's runs it as the user of Debian's package. */
function asUser(): { readonly uid: number; readonly gid: number; readonly name: string } {
  const idOf = (option: string): number => Number(execFileSync('id', [option, 'postgres'], { encoding: 'utf8' }));
  if (process.getuid?.() !== 0) {
    return {
      uid: process.getuid?.() ?? 0,
      gid: process.getgid?.() ?? 0,
      name: execFileSync('id', ['-un'], { encoding: 'utf8' }).trim(),
    };
  }
  return { uid: idOf('-u'), gid: idOf('-g'), name: 'postgres' };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const address = server.address();
  assert.ok(address !== null && typeof address !== 'string');
  await new Promise((resolve) => server.close(resolve));
  return address.port;
}

/** A PostgreSQL of its own: a socket in its folder without a password, and a port of this machine that wants one. */
export class PostgresServer implements AsyncDisposable {
  readonly directory: string;
  readonly port: number;
  readonly #owner = asUser();
  readonly #bin = programs();
  #process: ReturnType<typeof spawn> | null = null;

  private constructor(directory: string, port: number) {
    this.directory = directory;
    this.port = port;
  }

  static async start(): Promise<PostgresServer> {
    const server = new PostgresServer(mkdtempSync(join(tmpdir(), 'nixfleet-postgres-')), await freePort());
    const { uid, gid, name } = server.#owner;
    chownSync(server.directory, uid, gid);
    const data = join(server.directory, 'data');
    // C: what Debian's machines without locales have; UTF8 all the same, as the store demands.
    const options = ['-D', data, '-U', name, '-A', 'trust', '--encoding=UTF8', '--locale=C', '--no-sync'];
    execFileSync(join(server.#bin, 'initdb'), options, { uid, gid, cwd: server.directory, stdio: 'pipe' });
    writeFileSync(join(data, 'pg_hba.conf'), 'local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n');
    await server.run();
    return server;
  }

  /** Starts it, or starts it again. */
  async run(): Promise<void> {
    const { uid, gid } = this.#owner;
    const settings = {
      listen_addresses: '127.0.0.1',
      port: String(this.port),
      unix_socket_directories: this.directory,
      fsync: 'off',
    };
    const options = Object.entries(settings).flatMap(([key, value]) => ['-c', `${key}=${value}`]);
    // With whoever started it, it ends too.
    const command = [
      '--pdeathsig=INT',
      '--',
      join(this.#bin, 'postgres'),
      '-D',
      join(this.directory, 'data'),
      ...options,
    ];
    this.#process = spawn('setpriv', command, { uid, gid, cwd: this.directory, stdio: ['ignore', 'ignore', 'pipe'] });
    let text = '';
    await new Promise<void>((resolve, reject) => {
      this.#process?.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
        if (text.includes('database system is ready to accept connections')) resolve();
      });
      this.#process?.once('exit', () => reject(new Error(`postgres ended: ${text}`)));
    });
    this.#process.stderr?.removeAllListeners('data').resume();
  }

  /** As if its machine had lost power. */
  async kill(): Promise<void> {
    const running = this.#process;
    this.#process = null;
    if (!running) return;
    const ended = new Promise((resolve) => running.once('exit', resolve));
    running.kill('SIGQUIT');
    await ended;
  }

  address(database: string): DatabaseAddress {
    return { host: this.directory, port: this.port, database, user: this.#owner.name, isRemote: false };
  }

  async sql(database: string, text: string): Promise<readonly Record<string, unknown>[]> {
    const { host, port, user } = this.address(database);
    const client = new Client({ host, port, user, database });
    await client.connect();
    try {
      return (await client.query(text)).rows;
    } finally {
      await client.end();
    }
  }

  /** A member's store on a database, which is made if it is not there. */
  async store(database: string, member: string): Promise<Store> {
    const found = await this.sql('postgres', `SELECT 1 FROM pg_database WHERE datname = '${database}'`);
    if (found.length === 0) await this.sql('postgres', `CREATE DATABASE "${database}"`);
    return openPostgresStore({ address: this.address(database), member, nextTurn: () => Promise.resolve() });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    rmSync(this.directory, { recursive: true, force: true });
  }
}
