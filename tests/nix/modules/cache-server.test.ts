import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { buildInto, repositoryRoot } from '../nix.ts';
import { withoutNixpkgsLib } from '../nixpkgs-lib.ts';
import { openBench } from './machine.ts';

/** nginx of the machine, or the one that `scripts/setup.sh tests` put aside without installing a server. */
function nginxProgram(): string {
  const aside = join(repositoryRoot, '.cache', 'nginx', 'usr', 'sbin', 'nginx');
  const found = ['/usr/sbin/nginx', aside].find((path) => existsSync(path));
  assert.ok(found, 'no nginx: scripts/setup.sh tests');
  return found;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const address = server.address();
  assert.ok(address !== null && typeof address !== 'string');
  await new Promise((resolve) => server.close(resolve));
  return address.port;
}

interface VirtualHost {
  readonly root: string;
  readonly locations?: Readonly<Record<string, { readonly extraConfig?: string }>>;
}

/** The virtual host as NixOS writes one, in a configuration that needs no root and leaves nothing outside `directory`. */
function configOf({ root, locations = {} }: VirtualHost, directory: string, port: number): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (kind) => `${kind}_temp_path ${directory}/${kind};`,
  );
  const blocks = Object.entries(locations).map(([path, { extraConfig = '' }]) => `location ${path} { ${extraConfig} }`);
  return `
    daemon off; pid ${directory}/pid; error_log stderr; master_process off;
    events { }
    http {
      access_log off; ${temporary.join(' ')}
      server { listen 127.0.0.1:${port}; root ${root}; ${blocks.join('\n')} }
    }`;
}

test('the cache server: nginx takes its configuration, and Nix fetches from it what was copied', {
  skip: withoutNixpkgsLib,
}, async () => {
  await using bench = await openBench();
  const directory = await mkdtemp(join(tmpdir(), 'nixfleet-nginx-'));
  const cache = join(directory, 'cache');
  await mkdir(cache);
  const { nginx } = await bench.machine(`{
    services.nixfleet-cache-server = { enable = true; hostName = "cache.example.org"; directory = "${cache}"; priority = 17; };
  }`);
  const virtualHost = nginx.virtualHosts?.['cache.example.org'];
  assert.ok(virtualHost);
  const port = await freePort();
  const config = join(directory, 'nginx.conf');
  await writeFile(config, configOf(virtualHost, directory, port));
  const program = nginxProgram();
  execFileSync(program, ['-t', '-q', '-c', config, '-p', directory], { stdio: 'pipe' });

  const store = join(directory, 'store');
  const { storePath } = buildInto(
    store,
    'derivation { name = "cached"; system = builtins.currentSystem; builder = "/bin/sh"; args = [ "-c" "echo it > $out" ]; }',
  );
  execFileSync(
    'nix',
    [
      '--extra-experimental-features',
      'nix-command',
      'copy',
      '--no-check-sigs',
      '--store',
      store,
      '--to',
      `file://${cache}?compression=none`,
      storePath,
    ],
    { stdio: 'pipe' },
  );
  const server = spawn(program, ['-c', config, '-p', directory], { stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = new Promise((resolve) => server.once('exit', resolve));
  try {
    const url = `http://127.0.0.1:${port}`;
    // It listens as soon as it runs; a connection that comes first is refused.
    let info: Response | null = null;
    for (let tries = 0; info === null && tries < triesMax; tries++)
      info = await fetch(`${url}/nix-cache-info`).catch(() => null);
    assert.equal(await info?.text(), 'StoreDir: /nix/store\nWantMassQuery: 1\nPriority: 17\n');
    assert.equal(info?.headers.get('content-type'), 'text/x-nix-cache-info');
    assert.equal((await fetch(`${url}/`)).status, 403, 'no listing');
    assert.equal((await fetch(`${url}/nix-cache-info/../../etc/passwd`)).status, 404);
    const other = join(directory, 'other');
    execFileSync(
      'nix',
      [
        '--extra-experimental-features',
        'nix-command',
        'copy',
        '--no-check-sigs',
        '--from',
        url,
        '--to',
        other,
        storePath,
      ],
      { stdio: 'pipe', env: { PATH: process.env.PATH ?? '', HOME: directory } },
    );
    assert.ok(existsSync(join(other, storePath)));
  } finally {
    server.kill('SIGTERM');
    await ended;
    execFileSync('chmod', ['-R', 'u+w', directory]);
    await rm(directory, { recursive: true });
  }
});

/** Connections that may be refused before it listens. */
const triesMax = 2000;
