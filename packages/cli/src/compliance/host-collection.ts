import { join, resolve } from 'node:path';
import {
  type CollectEvidenceDeps,
  type CollectEvidenceOptions,
  fileSystem,
  machineFacts,
  systemClock,
} from '@nixfleet/agent';
import { catalogueBytesMax, FleetName, type ProbeDescriptor, sha256Hex } from '@nixfleet/contracts';
import { nodeCrypto } from '@nixfleet/contracts/node-crypto';
import { systemRandom } from '@nixfleet/contracts/node-random';
import { collectRuns, parseCatalogue } from '@nixfleet/probes';
import { CliError } from '../cli-error.ts';
import type { CommandContext } from '../command-context.ts';
import type { CommandValues } from '../command-values.ts';

/** `nobody` of NixOS and Debian. */
const nobody = { uid: 65_534, gid: 65_534 };

/** Measuring the machine that this runs on, as its options say. */
export interface HostCollection {
  readonly options: Pick<CollectEvidenceOptions, 'catalogue' | 'catalogueSha256' | 'fleet'>;
  readonly deps: Omit<CollectEvidenceDeps, 'signer'>;
}

export async function hostCollection(
  { environment, signal, workingDirectory }: CommandContext,
  values: CommandValues,
  /** Of the fleet, where no agent says it. */
  fleet = 'local',
): Promise<HostCollection> {
  const at = (name: string, fallback: string): string => resolve(workingDirectory, values.text(name) ?? fallback);
  const path = at('catalogue', '/etc/nixfleet/compliance.json');
  const bytes = await fileSystem.read(path, catalogueBytesMax);
  if (bytes === null) {
    throw new CliError(
      'failed',
      `${path}: there is no catalogue`,
      'enable controls for this host, or name another file',
    );
  }
  const store = values.text('store') === undefined ? null : at('store', '');
  const probeEnvironment = { PATH: environment.PATH ?? '', LC_ALL: 'C' };
  return {
    options: {
      catalogue: parseCatalogue(bytes),
      catalogueSha256: await sha256Hex(nodeCrypto, bytes),
      fleet: FleetName.parse(fleet),
    },
    deps: {
      files: fileSystem,
      clock: systemClock,
      crypto: nodeCrypto,
      random: systemRandom,
      signal,
      facts: () =>
        machineFacts({
          systemRoot: at('system-root', '/'),
          storeDirectory: store,
          environment: probeEnvironment,
          clock: systemClock,
        }),
      run: (tasks) =>
        collectRuns(
          tasks.map(({ ruleId, probe }) => ({ ruleId, probe: inStore(probe, store) })),
          {
            clock: systemClock,
            environment: probeEnvironment,
            unprivileged: process.getuid?.() === 0 ? nobody : null,
            signal,
          },
        ),
    },
  };
}

/** Where a program of the store lies for whoever runs it outside a chroot. */
function inStore(probe: ProbeDescriptor, store: string | null): ProbeDescriptor {
  return store === null ? probe : { ...probe, command: join(store, probe.command) };
}
