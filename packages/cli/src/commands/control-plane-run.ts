import type { CommandDefinition } from '../command-definition.ts';
import { controlPlaneConfigDefault } from '../control-plane-config-path.ts';

export const controlPlaneRunCommand: CommandDefinition = {
  name: 'control-plane run',
  summary: 'run a control plane',
  description:
    'Until it is told to stop; held requests are answered first. It needs a trust document, a TLS key, a place to read ' +
    'releases from, and a directory that may be empty. Prints one line of JSON with its address and key when it listens; ' +
    'log lines are JSON on standard error.',
  options: [
    { flags: '--config <file>', description: `its settings; default ${controlPlaneConfigDefault}` },
    {
      flags: '--database <url>',
      description:
        'PostgreSQL database to share with other control planes, postgres://user@host/database, no password in it',
    },
  ],
  examples: [
    { line: 'nixfleet control-plane run --config /etc/nixfleet/control-plane.json', explains: 'what the service does' },
  ],
  isService: true,
  load: () => import('../handlers/control-plane-run.ts'),
};
