import { isIPv6 } from 'node:net';

/** True for an address of this machine itself. */
export function isLoopback(address: string): boolean {
  const plain = withoutMapping(address);
  return plain === '::1' || plain.startsWith('127.');
}

/** What one client can use many of counts as one: an IPv4 address, or an IPv6 network of 64 bits (RFC 4291 §2.5.4). */
export function addressGroup(address: string): string {
  const plain = withoutMapping(address);
  if (!isIPv6(plain)) return plain;
  const [head = '', tail] = plain.split('%', 1)[0]?.split('::') ?? [];
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - left.length - right.length);
  const words = [...left, ...Array.from({ length: zeros }, () => '0'), ...right];
  return `${words.slice(0, 4).join(':')}::/64`;
}

/** An IPv4 address behind its IPv6 mapping (RFC 4291 §2.5.5.2), as a dual-stack socket reports it. */
function withoutMapping(address: string): string {
  return address.toLowerCase().startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address;
}
