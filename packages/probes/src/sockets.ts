import { ProbeError } from './errors.ts';

/** One line of `ss -H -tulpn`. */
export interface Listener {
  readonly protocol: 'tcp' | 'udp';
  readonly address: string;
  readonly port: number;
  /** Name of the program, as root sees it; null for others'. */
  readonly program: string | null;
}

const linesMax = 10_000;

export function parseSs(text: string): Listener[] {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  if (lines.length > linesMax) throw new ProbeError('oversized', `ss: more than ${linesMax} sockets`);
  return lines.map((line) => {
    const [protocol, , , , local = ''] = line.trim().split(/\s+/);
    const [, address = '', port] = /^(.*):(\d{1,5}|\*)$/.exec(local) ?? [];
    if ((protocol !== 'tcp' && protocol !== 'udp') || port === undefined)
      throw new ProbeError('malformed', `ss: ${line.trim()}`);
    const program = /users:\(\("([^"]*)"/.exec(line)?.[1] ?? null;
    // `[::]%eth0`, `127.0.0.53%lo`
    return {
      protocol,
      address: address.replace(/%.*$/, '').replace(/^\[(.*)\]$/, '$1'),
      port: Number(port === '*' ? 0 : port),
      program,
    };
  });
}

/** Reached from this machine alone. */
export function isLoopback(address: string): boolean {
  return /^127\./.test(address) || address === '::1' || /^::ffff:127\./i.test(address);
}
