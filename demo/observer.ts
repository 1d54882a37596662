import { readFile } from 'node:fs/promises';
import { clientIdentity, HttpsTransport, systemClock } from '@nixfleet/agent';
import { EventsView, FleetView, HostView, JournalEvent, protocolHeader, protocolVersion } from '@nixfleet/contracts';
import { nodeCrypto, privateKeyFromPem } from '@nixfleet/contracts/node-crypto';
import { systemRandom } from '@nixfleet/contracts/node-random';
import type { z } from 'zod';

const pollEveryMs = 150;
const replyBytesMax = 8 * 1024 * 1024;
const request = { headers: { [protocolHeader]: String(protocolVersion) }, timeoutMs: 5000, replyBytesMax } as const;

/** An event as it came over the control plane, with the host that signed it. */
export interface SeenEvent {
  readonly position: number;
  readonly event: JournalEvent;
}

/** Watches the fleet through the control plane with an operator's key, as `nixfleet status --watch` does. */
export class Observer implements Disposable {
  readonly #transport: HttpsTransport;
  readonly #onView: (view: FleetView) => void;
  #problem = '';

  private constructor(transport: HttpsTransport, onView: (view: FleetView) => void) {
    this.#transport = transport;
    this.#onView = onView;
  }

  static async open(options: {
    readonly url: string;
    readonly pin: string;
    readonly operatorKeyFile: string;
    readonly onView: (view: FleetView) => void;
  }): Promise<Observer> {
    const key = privateKeyFromPem(await readFile(options.operatorKeyFile, 'utf8'));
    const { identity } = await clientIdentity(key, {
      commonName: 'operator',
      crypto: nodeCrypto,
      random: systemRandom,
    });
    const transport = new HttpsTransport({
      urls: [options.url],
      pins: () => new Set([options.pin]),
      identity,
      clock: systemClock,
    });
    return new Observer(transport, options.onView);
  }

  /** The forge's webhook: a hint that there is something new, which anybody may give. */
  async refresh(): Promise<void> {
    await this.#transport.request({ ...request, method: 'POST', path: '/v1/refresh' });
  }

  async fleet(): Promise<FleetView | null> {
    const view = await this.#get('/v1/fleet', FleetView);
    if (view) this.#onView(view);
    return view;
  }

  host(name: string): Promise<HostView | null> {
    return this.#get(`/v1/hosts/${name}`, HostView);
  }

  /** Every event after `position`, oldest first. */
  async eventsAfter(position: number): Promise<SeenEvent[]> {
    const seen: SeenEvent[] = [];
    for (let from = position; ; ) {
      const page = await this.#get(`/v1/events?after=${from}`, EventsView);
      if (!page) return seen;
      for (const { position: at, event } of page.events) {
        const parsed = JournalEvent.safeParse(JSON.parse(event));
        if (parsed.success) seen.push({ position: at, event: parsed.data as JournalEvent });
      }
      if (page.next === null || page.events.length === 0) return seen;
      from = page.next;
    }
  }

  /** Asks until `found` returns something; an error that names what was waited for after `seconds`. */
  async until<Found>(
    what: string,
    seconds: number,
    found: (view: FleetView) => Found | null | undefined | false | Promise<Found | null | undefined | false>,
  ): Promise<Found> {
    const deadline = Date.now() + seconds * 1000;
    let last: FleetView | null = null;
    while (Date.now() < deadline) {
      const view = await this.fleet();
      last = view ?? last;
      const result = view ? await found(view) : null;
      if (result) return result;
      await new Promise((resolve) => setTimeout(resolve, pollEveryMs));
    }
    throw new Error(`waited ${seconds} s for: ${what}${last ? '' : ` (${this.#problem})`}`);
  }

  [Symbol.dispose](): void {
    this.#transport.close();
  }

  async #get<View>(path: string, schema: z.ZodType<View>): Promise<View | null> {
    const result = await this.#transport.request({ ...request, method: 'GET', path });
    if (!result.ok) {
      this.#problem = result.detail;
      return null;
    }
    if (result.reply.status !== 200) {
      this.#problem = `${path}: ${result.reply.status} ${new TextDecoder().decode(result.reply.body)}`;
      return null;
    }
    return schema.parse(JSON.parse(new TextDecoder().decode(result.reply.body)));
  }
}

/** One line a host. */
export function summarise(view: FleetView): string {
  return view.hosts
    .map(({ name, health, phase, running, withheld }) => {
      const version = running?.split('-').at(-1) ?? 'nothing';
      const why = withheld[0] ? ` (${withheld[0].code})` : '';
      return `${name}: ${health}, ${phase?.name ?? 'not heard'}, runs ${version}${why}`;
    })
    .join('\n');
}
