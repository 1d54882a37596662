import type { Transport, TransportRequest, TransportResult, UnreachableReason } from '@nixfleet/agent';
import type { ApiRequest, ApiResponse, Peer } from '@nixfleet/control-plane';
import type { Dice } from './dice.ts';
import type { Life } from './life.ts';
import type { Appointment, Scheduler } from './scheduler.ts';

/** What a server does with a request; null when nothing listens, and where the connection breaks. */
export type Serve = (peer: Peer, request: ApiRequest) => Promise<ApiResponse | null> | null;

/** How one host's line is at the moment. */
export interface Line {
  isUp: boolean;
  /** Probability that a message is lost, each way. */
  loss: number;
  /** Probability that a request arrives twice. */
  duplication: number;
  /** Longest time on the way, in milliseconds: what overtakes what is chance. */
  latencyMsMax: number;
}

export function goodLine(): Line {
  return { isUp: true, loss: 0, duplication: 0, latencyMsMax: 40 };
}

const refusedMs = 100;
const latencyMsMin = 1;

export interface LineDeps {
  readonly life: Life;
  readonly scheduler: Scheduler;
  readonly dice: Dice;
  readonly line: Line;
  /** Whether anything goes through at all. */
  readonly isConnected: () => boolean;
  readonly peer: Peer;
  readonly serve: Serve;
}

/** The transport port of one incarnation of an agent, over a line that loses, delays, doubles and reorders. */
export class LineTransport implements Transport {
  readonly #deps: LineDeps;
  readonly #open = new Set<() => void>();

  constructor(deps: LineDeps) {
    this.#deps = deps;
  }

  close(): void {
    for (const abort of [...this.#open]) abort();
  }

  request(request: TransportRequest): Promise<TransportResult> {
    const { life, scheduler, isConnected } = this.#deps;
    if (request.signal?.aborted) return life.cross(() => failed('aborted'));
    return life.wait<TransportResult>((settle) => {
      const gone = new AbortController();
      let isOver = false;
      const finish = (result: TransportResult): void => {
        if (isOver) return;
        isOver = true;
        this.#open.delete(abort);
        request.signal?.removeEventListener('abort', abort);
        scheduler.cancel(timeout);
        // The server notices that nobody waits any more only where it can be told.
        if (!result.ok && isConnected()) gone.abort();
        settle(result);
      };
      const abort = (): void => finish(failed('aborted'));
      const timeout = scheduler.after(request.timeoutMs, () => finish(failed('reply-timeout')), true);
      this.#open.add(abort);
      request.signal?.addEventListener('abort', abort, { once: true });
      this.#send(request, gone.signal, finish);
      return abort;
    });
  }

  #send(request: TransportRequest, signal: AbortSignal, finish: (result: TransportResult) => void): void {
    const { dice, line, serve, peer, isConnected } = this.#deps;
    if (!isConnected()) {
      // A cable that is cut says nothing; a router that knows says so at once.
      if (dice.chance(0.5)) this.#later(refusedMs, () => finish(failed('connect-failed')));
      return;
    }
    if (dice.chance(line.loss)) return;
    const arrive = (): void => {
      const answered = serve(peer, {
        method: request.method,
        path: request.path,
        headers: request.headers ?? {},
        body: request.body ?? new Uint8Array(),
        signal,
      });
      if (answered === null) return this.#reply(() => finish(failed('connect-failed')));
      void answered.then((response) =>
        this.#reply(() => finish(response === null ? failed('reply-broken') : this.#received(request, response))),
      );
    };
    this.#later(this.#latency(), arrive);
    if (dice.chance(line.duplication)) this.#later(this.#latency() + this.#latency(), arrive);
  }

  #reply(arrive: () => void): void {
    const { dice, line, isConnected } = this.#deps;
    if (!isConnected() || dice.chance(line.loss)) return;
    this.#later(this.#latency(), () => {
      if (isConnected()) arrive();
    });
  }

  #received(request: TransportRequest, { status, headers, body }: ApiResponse): TransportResult {
    if (typeof body !== 'string' && !(body instanceof Uint8Array)) throw new TypeError('a stream was not asked for');
    const bytes = typeof body === 'string' ? new TextEncoder().encode(body) : body;
    if (bytes.length > request.replyBytesMax) return failed('reply-too-large');
    return { ok: true, reply: { status, headers, body: bytes, url: 'https://control.example.org/' } };
  }

  #latency(): number {
    return this.#deps.dice.between(latencyMsMin, this.#deps.line.latencyMsMax);
  }

  #later(ms: number, run: () => void): Appointment {
    return this.#deps.scheduler.after(ms, run);
  }
}

function failed(reason: UnreachableReason): TransportResult {
  return { ok: false, reason, detail: 'https://control.example.org/' };
}
