import type { CommandDefinition } from '../command-definition.ts';
import { jsonOption } from '../config/setting-options.ts';

export const complianceDrillStartCommand: CommandDefinition = {
  name: 'compliance drill start',
  summary: 'write a drill: a control that fails on purpose, for the next release',
  description:
    'Writes compliance/drill.json into the work tree, and says which options it stands for and what the gate is expected to do. ' +
    'Nothing fails before a release carries it. The control is inert after the deadline, whatever becomes of the drill. Hosts ' +
    'are of one channel that enforces controls, and never serve the control plane.',
  options: [
    { flags: '--fail-at <how>', description: 'static, runtime, timeout, malformed, stale or unsigned' },
    { flags: '--host <name>', description: 'a host that shall fail', isRepeatable: true },
    { flags: '--for <duration>', description: 'after which it is inert; default 1h, at most 1d' },
    { flags: '--limit <duration>', description: 'how long the gate may take, from the first host on; default 15min' },
    { flags: '--repository <directory>', description: 'work tree of the fleet; default .' },
    jsonOption,
  ],
  json: { sentence: 'An object with path, plan (docs/schemas/drill-plan.schema.json) and expected (names of steps).' },
  examples: [
    {
      line: 'nixfleet compliance drill start --fail-at runtime --host canary-1',
      explains: 'a probe that fails on the canary',
    },
    {
      line: 'nixfleet compliance drill start --fail-at static --host web-1',
      explains: 'a rule that fails where CI evaluates it',
    },
  ],
  load: () => import('../handlers/compliance-drill-start.ts'),
};
