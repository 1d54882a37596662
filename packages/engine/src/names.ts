import type { HostName } from '@nixfleet/contracts';

/** Names listed in one reason. */
export const namesMax = 20;

export function namesOf(hosts: Iterable<{ readonly name: HostName }>): string[] {
  const names: string[] = [];
  for (const { name } of hosts) {
    if (names.length === namesMax) break;
    names.push(name);
  }
  return names;
}
