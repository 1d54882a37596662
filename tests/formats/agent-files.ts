import { parseFloors, parseGuardFacts, parseLocalHold, parseReleasedContexts, printGuardFacts } from '@nixfleet/agent';
import { type Format, left, taken, textOf, utf8 } from './format.ts';

type Parsed =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly reason: string; readonly detail: string };

function file(name: string, parse: (bytes: Uint8Array) => Parsed): Format {
  return {
    name,
    shape: 'json',
    isCanonical: false,
    bytesMax: null,
    async read(bytes) {
      const parsed = parse(bytes);
      return parsed.ok ? taken(parsed.value, utf8(JSON.stringify(parsed.value))) : left(parsed.reason, parsed.detail);
    },
  };
}

/** What lies in an agent's state directory: written by an older agent, a person, a script of another closure, a bad disk. */
export const agentFileFormats: readonly Format[] = [
  file('agent-floors', parseFloors),
  file('agent-local-hold', parseLocalHold),
  file('agent-released-contexts', parseReleasedContexts),
  {
    name: 'agent-switch-record',
    shape: 'text',
    isCanonical: false,
    bytesMax: null,
    async read(bytes) {
      const facts = parseGuardFacts(textOf(bytes));
      return facts === null ? left('refused') : taken(facts, utf8(printGuardFacts(facts)));
    },
  },
];
