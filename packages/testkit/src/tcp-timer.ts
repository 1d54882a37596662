import { readFileSync } from 'node:fs';
import { systemClock } from '@nixfleet/contracts/node-clock';

/** Jiffies are shown in hundredths of a second, whatever the kernel's own rate. */
const ticksPerSecond = 100;
const timers = ['none', 'retransmit', 'keep-alive', 'time-wait', 'zero-window'] as const;

export interface TcpTimer {
  readonly kind: (typeof timers)[number];
  readonly seconds: number;
}

/** The ports of a connection, as a socket names them. */
interface Ends {
  readonly localPort?: number | undefined;
  readonly remotePort?: number | undefined;
}

/** Looks at a connection whose bytes are not acknowledged yet, and milliseconds between them: acknowledged within 40 ms as a rule. */
const looksMax = 250;
const lookEveryMs = 20;

/**
 * The kernel's timer of this end of a connection, once nothing waits to be acknowledged; from `/proc/net/tcp` (its columns: proc_net_tcp.txt of the kernel);
 * null where the connection is not listed.
 */
export async function tcpTimerOf(socket: Ends): Promise<TcpTimer | null> {
  for (let looks = 1; ; looks++) {
    const timer = timerNow(socket);
    if (timer?.kind !== 'retransmit' || looks === looksMax) return timer;
    await systemClock.sleep(lookEveryMs, new AbortController().signal);
  }
}

function timerNow(socket: Ends): TcpTimer | null {
  const ends = [socket.localPort, socket.remotePort].map(portOf);
  for (const table of ['/proc/self/net/tcp', '/proc/self/net/tcp6']) {
    for (const line of readFileSync(table, 'utf8').split('\n').slice(1)) {
      const columns = line.trim().split(/\s+/);
      if ([columns[1], columns[2]].some((address, i) => address?.split(':')[1] !== ends[i])) continue;
      const [active = '', when = ''] = columns[5]?.split(':') ?? [];
      const kind = timers[Number.parseInt(active, 16)];
      if (kind) return { kind, seconds: Number.parseInt(when, 16) / ticksPerSecond };
    }
  }
  return null;
}

/** The other end of a connection on this machine. */
export function otherEndOf({ localPort, remotePort }: Ends): Ends {
  return { localPort: remotePort, remotePort: localPort };
}

function portOf(port: number | undefined): string {
  return (port ?? 0).toString(16).toUpperCase().padStart(4, '0');
}
