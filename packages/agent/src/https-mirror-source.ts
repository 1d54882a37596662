import { request } from 'node:https';
import type { Clock } from '@nixfleet/contracts';
import type { DocumentSource, Fetched } from './document-source.ts';

/** For one document, in milliseconds. */
const timeoutMs = 60_000;

/** An ordinary web server with a copy of `releases/`, authenticated by the machine's certificate authorities. */
export function httpsMirrorSource(base: string, clock: Clock): DocumentSource {
  const root = base.endsWith('/') ? base : `${base}/`;
  return {
    name: base,
    refresh: async () => true,
    get: (path, bytesMax, signal) => download(new URL(path, root), { bytesMax, signal, clock }),
  };
}

function download(
  url: URL,
  { bytesMax, signal, clock }: { readonly bytesMax: number; readonly signal: AbortSignal; readonly clock: Clock },
): Promise<Fetched> {
  return new Promise((resolve) => {
    const over = new AbortController();
    const sent = request(url, { agent: false, signal: AbortSignal.any([signal, over.signal]) });
    const finish = (fetched: Fetched): void => {
      resolve(fetched);
      over.abort();
    };
    const fail = (detail: string): void =>
      finish({ ok: false, reason: 'unreachable', detail: `${url.href}: ${detail}` });
    sent.on('error', (error) => fail(error.message));
    sent.on('response', (response) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      if (response.statusCode === 404 || response.statusCode === 410) {
        finish({ ok: false, reason: 'missing', detail: `${url.href}: status ${response.statusCode}` });
        return;
      }
      if (response.statusCode !== 200) {
        fail(`status ${response.statusCode}`);
        return;
      }
      response.on('error', (error) => fail(error.message));
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        chunks.push(chunk);
        if (bytes <= bytesMax) return;
        finish({ ok: false, reason: 'oversized', detail: `${url.href}: more than ${bytesMax} bytes` });
      });
      response.on('end', () => {
        if (response.complete) finish({ ok: true, bytes: new Uint8Array(Buffer.concat(chunks)) });
        else fail('closed before the end');
      });
    });
    clock.sleep(timeoutMs, over.signal).then(
      () => fail(`nothing whole within ${timeoutMs} ms`),
      () => {},
    );
    sent.end();
  });
}
