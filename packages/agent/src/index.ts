export { HttpsTransport, type HttpsTransportOptions } from './https-transport.ts';
export {
  type ClientIdentity,
  connectPinned,
  type PinnedConnection,
  type PinnedConnectionOptions,
  serverKeySha256,
} from './pinned-connection.ts';
export { systemClock } from './system-clock.ts';
export { systemRandom } from './system-random.ts';
export type {
  Transport,
  TransportReply,
  TransportRequest,
  TransportResult,
  Unreachable,
  UnreachableReason,
} from './transport.ts';
