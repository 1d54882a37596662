import type { Transport } from '@nixfleet/agent';
import { nodeCrypto } from '@nixfleet/contracts/node-crypto';

/** The honest control plane with its check-in replies rewritten, as somebody does who runs it now. */
export class StolenControlPlane {
  /** Null: honest. */
  go: Record<string, unknown> | null;

  constructor(go: Record<string, unknown> | null) {
    this.go = go;
  }

  readonly between = (transport: Transport): Transport => ({
    close: () => transport.close(),
    request: async (request) => {
      // Not held, so that a new lie is told at once.
      const { prefer: _, ...headers } = request.headers ?? {};
      const isCheckin = request.path === '/v1/agent/checkin' && this.go !== null;
      const result = await transport.request(isCheckin ? { ...request, headers } : request);
      if (!isCheckin || !result.ok || result.reply.status !== 200) return result;
      const reply = JSON.parse(new TextDecoder().decode(result.reply.body)) as Record<string, unknown>;
      const text = JSON.stringify(this.go);
      const goId = Buffer.from(await nodeCrypto.sha256(new TextEncoder().encode(text))).toString('hex');
      const body = new TextEncoder().encode(JSON.stringify({ ...reply, goId, go: this.go, withheld: undefined }));
      return { ok: true, reply: { ...result.reply, body } };
    },
  });
}
