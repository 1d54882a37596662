import type { Clock, HealthCheck, Random } from '@nixfleet/contracts';
import { hostProbes } from '../host-probes.ts';
import { fail } from '../probe.ts';
import type { ProbeResult, Probes } from '../probes.ts';
import { describe } from '../profile-system.ts';
import type { NixosHost } from './nixos-host.ts';
import type { Systemd } from './systemd.ts';

export interface NixosProbesDeps {
  readonly host: NixosHost;
  readonly systemd: Systemd;
  readonly clock: Clock;
  readonly random: Random;
}

type Check<Kind extends HealthCheck['kind']> = Extract<HealthCheck, { kind: Kind }>;

/** Checks on a NixOS machine: units are looked at, and programs run as nobody in particular, without network. */
export function nixosProbes(deps: NixosProbesDeps): Probes {
  const { host, clock } = deps;
  const anywhere = hostProbes({ host, clock });
  return {
    declared: anywhere.declared,
    controls: anywhere.controls,
    async run(check, signal) {
      if (check.kind === 'systemd') return units(check, deps);
      if (check.kind === 'exec') return exec(check, deps, signal);
      return anywhere.run(check, signal);
    },
  };
}

/** Declared units are active; where none is declared, none has failed that had not failed before the switch. */
async function units(check: Check<'systemd'>, { host, systemd }: NixosProbesDeps): Promise<ProbeResult> {
  if (check.units.length > 0) {
    const inactive = await systemd.inactiveOf(check.units);
    return inactive.length === 0 ? { status: 'pass' } : fail(`not active: ${inactive.join(', ')}`);
  }
  const before = new Set(await host.failedBeforeSwitch());
  const failed = (await systemd.failedUnits()).filter((unit) => !before.has(unit));
  return failed.length === 0 ? { status: 'pass' } : fail(`failed: ${failed.join(', ')}`);
}

/** A program of the closure, as a user that exists while it runs and owns nothing. */
async function exec(
  check: Check<'exec'>,
  { host, systemd, random }: NixosProbesDeps,
  signal: AbortSignal,
): Promise<ProbeResult> {
  const [program = '', ...args] = check.command;
  const result = await systemd.run(
    {
      unit: `nixfleet-probe-${Buffer.from(random.bytes(8)).toString('hex')}.service`,
      description: 'NixFleet: a probe',
      argv: [program, ...args],
      environment: host.environment,
      timeoutSeconds: check.timeoutSeconds,
      properties: [
        'DynamicUser=yes',
        ...(check.network === true ? [] : ['PrivateNetwork=yes']),
        'CapabilityBoundingSet=',
        'NoNewPrivileges=yes',
        'ProtectHome=yes',
        'PrivateDevices=yes',
        'ProtectKernelTunables=yes',
        'ProtectControlGroups=yes',
        // Hundreds of them a day are no news.
        'LogLevelMax=warning',
      ],
    },
    signal,
  );
  signal.throwIfAborted();
  if (result.exitCode === 0) return { status: 'pass' };
  if (result.ended === 'timeout') return fail(`${program}: not done within ${check.timeoutSeconds} s`);
  return fail(`${program}: ${describe(result.output)}`);
}
