import { type FleetDocument, HostName, lookup } from '@nixfleet/contracts';
import { CliError } from '../cli-error.ts';
import { printable } from '../printable.ts';

export interface WhatIf {
  readonly offline: ReadonlySet<HostName>;
  readonly fail: ReadonlySet<HostName>;
}

/** `offline=web-03,web-04` and `fail=db-01`, each as often as wanted. Hosts are checked by `requireHosts`, once the fleet is known. */
export function parseWhatIf(texts: readonly string[]): WhatIf {
  const found = { offline: new Set<HostName>(), fail: new Set<HostName>() };
  for (const text of texts) {
    const [, what = '', names = ''] = /^(offline|fail)=(.+)$/.exec(text) ?? [];
    const hosts = names.split(',').map((name) => HostName.safeParse(name));
    if ((what !== 'offline' && what !== 'fail') || hosts.some(({ success }) => !success)) {
      throw new CliError('usage', `--what-if '${printable(text)}'`, 'expected offline=<host>,… or fail=<host>,…');
    }
    for (const { data } of hosts) if (data !== undefined) found[what].add(data);
  }
  return found;
}

/** A misspelt host would change nothing, and look like good news. */
export function requireHosts({ offline, fail }: WhatIf, { hosts }: FleetDocument): void {
  for (const name of [...offline, ...fail]) {
    if (lookup(hosts, name)) continue;
    throw new CliError('usage', `--what-if: there is no host ${name}`, 'name a host of the fleet');
  }
}
