import type { NixRefusal } from './nix.ts';
import type { Watched } from './nix-fetch.ts';
import { describe } from './profile-system.ts';
import type { CommandResult } from './run-command.ts';

/** What the end of a command of Nix's says of a closure. */
export function refusalOf({ output, ended, excess = null }: CommandResult & Partial<Watched>): NixRefusal {
  if (excess !== null) return unavailable(excess);
  if (ended === 'timeout') return unavailable('it did not come in time');
  const text = output.excerpt;
  const detail = describe(output);
  if (/no space left on device|disk quota exceeded/i.test(text)) return { ok: false, reason: 'disk-full', detail };
  const isUnsigned = /lacks a (?:valid )?signature|lacks a signature by a trusted key|is not signed by any/i.test(text);
  return { ok: false, reason: isUnsigned ? 'closure-unsigned' : 'closure-unavailable', detail };
}

export function unavailable(detail: string): NixRefusal {
  return { ok: false, reason: 'closure-unavailable', detail };
}

export function unsafe(detail: string): NixRefusal {
  return { ok: false, reason: 'unsafe-nix-configuration', detail };
}
