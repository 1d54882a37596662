import { clientIdentity, HttpsTransport } from '@nixfleet/agent';
import { protocolHeader, protocolVersion } from '@nixfleet/contracts';
import { generatePrivateKey, nodeCrypto } from '@nixfleet/contracts/node-crypto';
import { systemRandom } from '@nixfleet/contracts/node-random';
import type { CommandContext } from '../command-context.ts';
import type { CommandValues } from '../command-values.ts';
import { loadSettings } from '../config/settings.ts';
import { pinsOf } from '../pins.ts';

/** How long one control plane may take to answer a hint, in milliseconds. */
const hintTimeoutMs = 5000;

/**
 * `POST /v1/refresh` to every control plane of the settings, so that they look at once: a hint that needs no operator's
 * key. One that does not hear it looks by itself within its `pollSeconds`, so failing is only told.
 */
export async function tellControlPlanes(context: CommandContext, values: CommandValues): Promise<void> {
  const settings = await loadSettings(context, values);
  const urls = settings.values.controlPlanes ?? [];
  if (urls.length === 0) return;
  const pins = await pinsOf(settings);
  const key = generatePrivateKey('ed25519');
  const { identity } = await clientIdentity(key, { commonName: 'refresh', crypto: nodeCrypto, random: systemRandom });
  for (const url of urls) {
    const transport = new HttpsTransport({ urls: [url], identity, pins: () => pins, clock: context.clock });
    const result = await transport.request({
      method: 'POST',
      path: '/v1/refresh',
      headers: { [protocolHeader]: String(protocolVersion) },
      timeoutMs: hintTimeoutMs,
      replyBytesMax: 64 * 1024,
      signal: context.signal,
    });
    transport.close();
    if (result.ok && result.reply.status === 202) continue;
    const why = result.ok ? `status ${result.reply.status}` : result.detail;
    context.terminal.talk(`${url} was not told (${why}): it looks by itself before long`);
  }
}
