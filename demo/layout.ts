import { join } from 'node:path';

export const hostNames = ['canary-1', 'web-1', 'web-2', 'db-1'] as const;
export type DemoHost = (typeof hostNames)[number];

/** Where everything of one run of the demo lies. */
export function layoutOf(root: string) {
  const at = (...parts: string[]) => join(root, ...parts);
  return {
    root,
    /** Everything but the hosts: for whoever runs the demo alone. */
    closed: ['logs', 'forge.git', 'source', 'cache', 'keys', 'ci', 'control-plane', 'operator', 'audit'].map((name) =>
      at(name),
    ),
    logs: at('logs'),
    forge: at('forge.git'),
    source: at('source'),
    cache: at('cache'),
    keys: at('keys'),
    trust: at('trust.json'),
    ci: { script: at('ci', 'release.sh'), work: at('ci', 'work'), state: at('ci', 'state'), store: at('ci', 'store') },
    controlPlane: { config: at('control-plane', 'config.json'), state: at('control-plane', 'state') },
    /** Copies of programs, where others cannot reach the originals. */
    programs: at('programs'),
    settings: at('operator', 'config.json'),
    /** What an auditor asks for: evidence as it was collected, and the packet that is made of it. */
    audit: { evidence: at('audit', 'evidence'), packet: at('audit', 'packet'), forged: at('audit', 'forged') },
    host: (name: DemoHost) => ({
      config: at('hosts', name, 'agent.json'),
      key: at('hosts', name, 'ssh_host_ed25519_key'),
      state: at('hosts', name, 'state'),
      store: at('hosts', name, 'store'),
      system: at('hosts', name, 'root'),
      cutFile: at('hosts', name, 'root', 'run', 'network-cut'),
      collector: { script: at('hosts', name, 'collect.sh'), directory: at('hosts', name, 'evidence') },
    }),
  } as const;
}
export type Layout = ReturnType<typeof layoutOf>;
