import type { Clock } from '@nixfleet/contracts';
import { ControlPlaneError, messageOf } from '../errors.ts';
import type { ReleaseSnapshot, ReleaseSource } from './release-source.ts';
import { isSignedPath } from './signed-path.ts';

/** Longest wait for one file, in milliseconds. */
const fileTimeoutMs = 30_000;

export interface HttpsSourceOptions {
  /** URL of `releases/`; a trailing slash is added. */
  readonly url: string;
  readonly clock: Clock;
}

/** A web server or object store that has `releases/`. TLS guards its freshness a little; what guards it is signatures. */
export function httpsSource({ url, clock }: HttpsSourceOptions): ReleaseSource {
  const base = new URL(url.endsWith('/') ? url : `${url}/`);
  const place = `${base.origin}${base.pathname}`;
  const openSnapshot = async (signal: AbortSignal): Promise<ReleaseSnapshot> => ({
    id: null,
    read: async (path, bytesMax) => {
      if (!isSignedPath(path)) throw new ControlPlaneError('source-failed', `not a path of releases/: ${path}`);
      return readUrl(new URL(path, base), { bytesMax, clock, signal });
    },
    [Symbol.asyncDispose]: async () => {},
  });
  return { description: `directory ${place}`, open: openSnapshot, [Symbol.asyncDispose]: async () => {} };
}

async function readUrl(
  url: URL,
  { bytesMax, clock, signal }: { readonly bytesMax: number; readonly clock: Clock; readonly signal: AbortSignal },
): Promise<Uint8Array | null> {
  const limit = new AbortController();
  const over = new AbortController();
  clock.sleep(fileTimeoutMs, over.signal).then(
    () => limit.abort(new Error(`nothing within ${fileTimeoutMs / 1000} s`)),
    () => {},
  );
  try {
    const response = await fetch(url, { signal: AbortSignal.any([signal, limit.signal]), redirect: 'follow' });
    // Object stores answer 403 for what is not there to those who may not list.
    if (response.status === 404 || response.status === 403 || response.status === 410) {
      await response.body?.cancel();
      return null;
    }
    if (response.status !== 200) throw new Error(`expected status 200, got ${response.status}`);
    return await readBody(response, bytesMax);
  } catch (error) {
    const text = `${url.origin}${url.pathname}: ${messageOf(error)}${causeOf(error)}`;
    throw new ControlPlaneError('source-failed', text, { cause: error });
  } finally {
    over.abort();
  }
}

async function readBody(response: Response, bytesMax: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  if (!response.body) return new Uint8Array(0);
  for await (const chunk of response.body) {
    bytes += chunk.length;
    if (bytes > bytesMax) throw new Error(`expected at most ${bytesMax} bytes`);
    chunks.push(chunk);
  }
  return new Uint8Array(Buffer.concat(chunks));
}

/** `fetch` hides the reason in `cause`. */
function causeOf(error: unknown): string {
  return error instanceof Error && error.cause instanceof Error ? ` (${error.cause.message})` : '';
}
