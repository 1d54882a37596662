import { z } from 'zod';

const rate = z.strictObject({
  perSecond: z.number().positive(),
  burst: z.int().min(1),
  bucketsMax: z.int().min(1),
});

/**
 * Bounds on what peers can use up. The defaults bear 1,000 hosts that all come back at once from behind one address,
 * and leave a hostile key or address its own share only.
 */
export const Limits = z.strictObject({
  /** Requests of one declared host or operator. */
  identityRequests: rate,
  /** Requests of one address (IPv6: /64) that no declared key made. */
  addressRequests: rate,
  /** Events of one host: its whole journal may come again after the state was lost. */
  hostEvents: rate,
  /** Bytes of events of one host, stored or not: what it can make the log grow by. */
  hostEventBytes: rate,
  /** Bytes of evidence of one host, stored or not: what it collected while nobody answered comes at once. */
  hostEvidenceBytes: rate,
  /** New connections of one address, counted before any TLS work. */
  addressConnections: rate,
  /** Connections open from one address. */
  connectionsPerAddressMax: z.int().min(1),
  connectionsMax: z.int().min(1),
  /** Handshakes under way at once. */
  handshakesMax: z.int().min(1),
  /** The same of one address, so that one that only connects does not keep everybody out. */
  handshakesPerAddressMax: z.int().min(1),
});
export type Limits = z.infer<typeof Limits>;

export const defaultLimits: Limits = {
  identityRequests: { perSecond: 20, burst: 400, bucketsMax: 20_000 },
  addressRequests: { perSecond: 5, burst: 100, bucketsMax: 4096 },
  hostEvents: { perSecond: 100, burst: 50_000, bucketsMax: 20_000 },
  hostEventBytes: { perSecond: 4096, burst: 128 * 1024 * 1024, bucketsMax: 20_000 },
  hostEvidenceBytes: { perSecond: 1024, burst: 64 * 1024 * 1024, bucketsMax: 20_000 },
  addressConnections: { perSecond: 100, burst: 4000, bucketsMax: 4096 },
  connectionsPerAddressMax: 8000,
  connectionsMax: 20_000,
  handshakesMax: 1024,
  handshakesPerAddressMax: 256,
};
