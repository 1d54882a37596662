import type { Probe } from './probe.ts';

/** Every probe by name. Each is loaded alone: a start reads only what it runs. */
export const probeLoaders: ReadonlyMap<string, () => Promise<Probe>> = new Map([
  ['ssh-login', async () => (await import('./probes/ssh-login.ts')).sshLogin],
  ['sysctl', async () => (await import('./probes/sysctl.ts')).sysctl],
  ['mounts', async () => (await import('./probes/mounts.ts')).mounts],
]);
