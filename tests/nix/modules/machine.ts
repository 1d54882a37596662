import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTestFleet } from '@nixfleet/testkit';
import { evaluated } from '../nix.ts';
import { nixpkgsLib } from '../nixpkgs-lib.ts';

interface Service {
  readonly serviceConfig: Readonly<Record<string, unknown>>;
  readonly environment?: Readonly<Record<string, string>>;
  readonly restartTriggers?: readonly string[];
}

/** What `evaluate.nix` says of one machine. */
export interface Machine {
  readonly refused: readonly string[];
  readonly warnings: readonly string[];
  readonly etc: Readonly<Record<string, string>>;
  readonly services: Readonly<Record<string, Service>>;
  /** As NixOS would write them, for systemd itself. */
  readonly units: Readonly<Record<string, string>>;
  readonly timers: Readonly<Record<string, { readonly timerConfig: Readonly<Record<string, unknown>> }>>;
  readonly kernelParams: readonly string[];
  readonly tmpfiles: readonly string[];
  readonly firewall: readonly number[];
  readonly users: readonly string[];
  readonly packages: readonly string[];
  readonly variables: Readonly<Record<string, string>>;
  readonly nix: Readonly<Record<string, unknown>>;
  readonly nginx: { readonly virtualHosts?: Readonly<Record<string, { readonly root: string }>> };
  readonly persistence: { readonly directories: readonly unknown[]; readonly files: readonly unknown[] };
  readonly hostName: string;
}

/** Machines by the real module system over stand-in options, and a trust document for them. */
export interface Bench extends AsyncDisposable {
  readonly directory: string;
  /** A trust document of the fleet `acme`, really signed. */
  readonly trust: string;
  readonly cacheKeys: readonly string[];
  /** A machine with all our modules and the given one, in Nix; `${trust}` inside is up to the caller. */
  machine(module: string): Promise<Machine>;
}

export async function openBench(): Promise<Bench> {
  const directory = await mkdtemp(join(tmpdir(), 'nixfleet-modules-'));
  const fleet = await createTestFleet({ name: 'acme' });
  const trust = join(directory, 'trust-1.json');
  const [first] = fleet.trustChain;
  if (!first) throw new Error('the test fleet has no trust document');
  await writeFile(trust, first.bytes);
  return {
    directory,
    trust,
    cacheKeys: fleet.trustDocument.cacheKeys,
    async machine(module) {
      const expression = `import ${join(import.meta.dirname, 'evaluate.nix')} {
        lib = import ${nixpkgsLib};
        module = { config, lib, pkgs, ... }: ${module};
      }`;
      return (await evaluated({ expression })) as Machine;
    },
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true }),
  };
}

/** The settings file that a module wrote to /etc. */
export function settingsOf({ etc }: Machine, name: string): unknown {
  const text = etc[name];
  if (text === undefined) throw new Error(`there is no /etc/${name}`);
  return JSON.parse(text);
}

export function serviceOf({ services }: Machine, name: string): Service {
  const service = services[name];
  if (service === undefined) throw new Error(`there is no service ${name}`);
  return service;
}
