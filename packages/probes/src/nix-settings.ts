import { ProbeError } from './errors.ts';
import type { Machine } from './machine.ts';

/** `nix show-config`, renamed `nix config show` in 2.20: what holds, by name. */
export async function nixSettings(machine: Machine): Promise<ReadonlyMap<string, string>> {
  const features = ['--extra-experimental-features', 'nix-command'] as const;
  const newer = await machine.run(['nix', ...features, 'config', 'show'], { exitCodes: [0, 1] });
  const { stdout } = newer.exitCode === 0 ? newer : await machine.run(['nix', ...features, 'show-config']);
  const settings = new Map<string, string>();
  for (const [, name = '', value = ''] of stdout.matchAll(/^([a-z0-9-]+) =(?: (.*))?$/gm))
    settings.set(name, value.trim());
  if (!settings.has('require-sigs')) throw new ProbeError('malformed', 'nix says nothing of require-sigs');
  return settings;
}
