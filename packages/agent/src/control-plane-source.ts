import { protocolHeader, protocolVersion } from '@nixfleet/contracts';
import { type DocumentSource, documentOf } from './document-source.ts';
import type { Transport } from './transport.ts';

/** For one document, in milliseconds. */
const timeoutMs = 60_000;

/** `GET /v1/signed/…` of the control planes. */
export function controlPlaneSource(transport: Transport): DocumentSource {
  return {
    name: 'control plane',
    refresh: async () => true,
    get: async (path, bytesMax, signal) =>
      documentOf(
        await transport.request({
          method: 'GET',
          path: `/v1/signed/${path}`,
          headers: { [protocolHeader]: String(protocolVersion) },
          timeoutMs,
          replyBytesMax: bytesMax,
          signal,
        }),
      ),
  };
}
