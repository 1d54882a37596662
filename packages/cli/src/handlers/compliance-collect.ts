import { join, resolve } from 'node:path';
import { clientIdentity, collectEvidence, fileSystem, machineFacts, readHostKey, systemClock } from '@nixfleet/agent';
import { catalogueBytesMax, FleetName, type ProbeDescriptor, sha256Hex } from '@nixfleet/contracts';
import { nodeCrypto } from '@nixfleet/contracts/node-crypto';
import { systemRandom } from '@nixfleet/contracts/node-random';
import { collectRuns, parseCatalogue } from '@nixfleet/probes';
import { CliError } from '../cli-error.ts';
import type { CommandContext } from '../command-context.ts';
import type { ExitCode } from '../command-definition.ts';
import type { CommandValues } from '../command-values.ts';

/** `nobody` of NixOS and Debian. */
const nobody = { uid: 65_534, gid: 65_534 };
const retentionDaysMax = 3650;

export async function run(context: CommandContext, values: CommandValues): Promise<ExitCode> {
  const { environment, signal, terminal, workingDirectory } = context;
  const at = (name: string, fallback?: string): string => {
    const given = values.text(name) ?? fallback;
    if (given === undefined) throw new CliError('usage', `--${name} is missing`, `say --${name} <path>`);
    return resolve(workingDirectory, given);
  };
  const directory = at('directory');
  const path = at('catalogue', '/etc/nixfleet/compliance.json');
  const bytes = await fileSystem.read(path, catalogueBytesMax);
  if (bytes === null) {
    throw new CliError(
      'failed',
      `${path}: there is no catalogue`,
      'enable controls for this host, or name another file',
    );
  }
  const store = values.text('store') === undefined ? null : at('store');
  const { signer } = await clientIdentity(await readHostKey(fileSystem, at('key', '/etc/ssh/ssh_host_ed25519_key')), {
    commonName: 'collector',
    crypto: nodeCrypto,
    random: systemRandom,
  });
  const probeEnvironment = { PATH: environment.PATH ?? '', LC_ALL: 'C' };
  const catalogue = parseCatalogue(bytes);
  const document = await collectEvidence(
    {
      catalogue,
      catalogueSha256: await sha256Hex(nodeCrypto, bytes),
      directory,
      fleet: FleetName.parse(values.text('fleet') ?? 'local'),
      retentionDays: daysOf(values.text('retention-days')),
      nonce: nonceOf(values.text('nonce')),
    },
    {
      files: fileSystem,
      clock: systemClock,
      crypto: nodeCrypto,
      random: systemRandom,
      signer,
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
  );
  if (values.flag('json')) terminal.result(JSON.stringify(document));
  else {
    const { pass, fail, error, notApplicable } = document.summary;
    terminal.result(
      `evidence ${document.sequence}: ${pass} pass, ${fail} fail, ${error} could not be measured, ${notApplicable} do not apply`,
    );
  }
  return 0;
}

/** Where a program of the store lies for whoever runs it outside a chroot. */
function inStore(probe: ProbeDescriptor, store: string | null): ProbeDescriptor {
  return store === null ? probe : { ...probe, command: join(store, probe.command) };
}

function daysOf(text = '90'): number {
  const days = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (days < 1 || days > retentionDaysMax) {
    throw new CliError(
      'usage',
      `--retention-days: expected 1 to ${retentionDaysMax}, got ${text}`,
      'say a number of days',
    );
  }
  return days;
}

function nonceOf(text: string | undefined): string | null {
  if (text === undefined) return null;
  if (!/^[0-9a-f]{32,128}$/.test(text)) {
    throw new CliError(
      'usage',
      '--nonce: expected 32 to 128 lowercase hexadecimal digits',
      'take 16 random bytes or more',
    );
  }
  return text;
}
