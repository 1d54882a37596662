import { open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Clock } from '@nixfleet/contracts';
import type { BinaryCache } from './binary-cache.ts';
import { ReleaseError } from './errors.ts';

/** One request, headers and body, in milliseconds. */
const requestTimeoutMs = 30_000;
const attemptsMax = 4;
/** First wait between attempts, in milliseconds; doubles. */
const retryMs = 250;

/** Opens `https://…`, `http://…` or `file://…`. Query parameters are Nix's own and not sent. Throws `bad-input` for others. */
export function openCache(url: string, { clock }: { readonly clock: Clock }): BinaryCache {
  const parsed = URL.canParse(url) ? new URL(url) : null;
  if (parsed?.protocol === 'file:') return fileCache(fileURLToPath(`file://${parsed.pathname}`));
  if (parsed?.protocol === 'https:' || parsed?.protocol === 'http:') return httpCache(parsed, clock);
  const hint = 'an s3:// cache has an https:// address too';
  throw new ReleaseError('bad-input', `expected the cache's http://, https:// or file:// address (${hint})`);
}

function fileCache(directory: string): BinaryCache {
  return {
    name: `file://${directory}`,
    async read(path, bytesMax) {
      try {
        await using file = await open(join(directory, path));
        const { size } = await file.stat();
        if (size > bytesMax) throw tooLarge(path, bytesMax);
        return new Uint8Array(await file.readFile());
      } catch (error) {
        if (isMissing(error)) return null;
        throw error;
      }
    },
    async size(path) {
      try {
        return (await stat(join(directory, path))).size;
      } catch (error) {
        if (isMissing(error)) return null;
        throw error;
      }
    },
  };
}

function httpCache(url: URL, clock: Clock): BinaryCache {
  const base = `${url.origin}${url.pathname.replace(/\/$/, '')}`;
  const headers: Record<string, string> = {};
  if (url.username !== '') {
    const pair = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
    headers.authorization = `Basic ${Buffer.from(pair).toString('base64')}`;
  }
  const request = <Value>(method: 'GET' | 'HEAD', path: string, take: (response: Response) => Promise<Value>) =>
    retried(clock, async (signal) => {
      const response = await fetch(`${base}/${path}`, { method, headers, signal });
      // S3 without the right to list says 403 for what is not there.
      if (response.status === 404 || response.status === 403) {
        await response.body?.cancel();
        return null;
      }
      if (!response.ok) throw new ReleaseError('io', `${base}/${path}: answered ${response.status}`);
      return take(response);
    });
  return {
    name: base,
    read: (path, bytesMax) => request('GET', path, (response) => bodyOf(response, path, bytesMax)),
    size: (path) =>
      request('HEAD', path, async (response) => {
        const length = response.headers.get('content-length');
        return length !== null && /^\d{1,15}$/.test(length) ? Number(length) : ('unknown' as const);
      }),
  };
}

async function bodyOf(response: Response, path: string, bytesMax: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > bytesMax) throw tooLarge(path, bytesMax);
    chunks.push(chunk);
  }
  return new Uint8Array(Buffer.concat(chunks));
}

async function retried<Value>(clock: Clock, attempt: (signal: AbortSignal) => Promise<Value>): Promise<Value> {
  for (let n = 1; ; n++) {
    const timeout = new AbortController();
    const ended = new AbortController();
    clock.sleep(requestTimeoutMs, ended.signal).then(
      () => timeout.abort(new ReleaseError('io', `no answer within ${requestTimeoutMs} ms`)),
      // Rejected: the answer came first.
      () => {},
    );
    try {
      return await attempt(timeout.signal);
    } catch (cause) {
      if (cause instanceof ReleaseError && cause.code === 'bad-input') throw cause;
      if (n >= attemptsMax) {
        const text = cause instanceof Error ? `${cause.message} ${causeText(cause)}` : String(cause);
        throw new ReleaseError('io', `the cache cannot be read: ${text.trim()}`, { cause });
      }
    } finally {
      ended.abort();
    }
    await clock.sleep(retryMs * 2 ** (n - 1));
  }
}

function causeText(error: Error): string {
  return error.cause instanceof Error ? `(${error.cause.message})` : '';
}

function tooLarge(path: string, bytesMax: number): ReleaseError {
  return new ReleaseError('bad-input', `${path}: the cache has more than ${bytesMax} bytes there`);
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
