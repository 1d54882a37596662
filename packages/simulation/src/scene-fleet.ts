import { ChannelPolicy } from '@nixfleet/contracts';
import { type TestChannel, type TestIntent, testChannel, testHost, testPolicy } from '@nixfleet/testkit';

interface Shape {
  /** Hosts of the channel `main`, wave by wave. */
  readonly waves: readonly (readonly string[])[];
  readonly policy?: Partial<ChannelPolicy>;
  /** Default: everybody, of every wave. */
  readonly promoteWhen?: TestChannel['waves'][number]['promoteWhen'];
  /** At most so many of all hosts in flight. */
  readonly budget?: number;
  readonly edges?: TestIntent['edges'];
  readonly channel?: Partial<TestChannel>;
  /** Hosts of another channel that goes first. */
  readonly before?: readonly string[];
}

/** A fleet of a few hosts, with what a scene is about and nothing else. */
export function sceneFleet({
  waves,
  policy = {},
  budget,
  edges = [],
  channel = {},
  before = [],
  promoteWhen,
}: Shape): TestIntent {
  const names = waves.flat();
  const main = testChannel(waves, before.length > 0 ? ['first'] : []);
  for (const wave of main.waves) Object.assign(wave, { soakSeconds: 30, ...(promoteWhen && { promoteWhen }) });
  main.policy = ChannelPolicy.parse({ ...testPolicy, offlineGraceSeconds: null, ...policy });
  return {
    repository: 'https://git.example.org/fleet.git',
    commit: '0'.repeat(40),
    hosts: Object.fromEntries([
      ...names.map((name) => [name, testHost('main')] as const),
      ...before.map((name) => [name, testHost('first')] as const),
    ]),
    channels: {
      ...(before.length > 0 ? { first: testChannel([before]) } : {}),
      main: { ...main, ...channel },
    },
    edges,
    budgets: budget === undefined ? [] : [{ name: 'one', hosts: names, maxInFlight: budget }],
    operators: { olivia: { pubkeys: [] } },
  };
}
