import type { FleetName } from '@nixfleet/contracts';
import type { VerifyHosts } from '@nixfleet/evidence';
import type { HostPool } from './host-pool.ts';

/** Verifies the hosts of a packet in the threads of a pool. */
export function verifyHostsWith(
  pool: HostPool,
  { packet, fleet }: { readonly packet: string; readonly fleet: FleetName },
): VerifyHosts {
  return (questions) =>
    pool.run(questions.map((question) => ({ kind: 'verify', host: question.host, packet, fleet, question })));
}
