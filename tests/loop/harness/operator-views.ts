import {
  clientIdentity,
  HttpsTransport,
  systemClock,
  type TransportRequest,
  type TransportResult,
} from '@nixfleet/agent';
import {
  EventsView,
  type EventView,
  EvidenceView,
  FleetView,
  HostView,
  protocolHeader,
  RolloutView,
  WhyView,
} from '@nixfleet/contracts';
import { nodeCrypto } from '@nixfleet/contracts/node-crypto';
import { systemRandom } from '@nixfleet/contracts/node-random';
import { testKey } from '@nixfleet/testkit';
import type { z } from 'zod';
import { until } from './until.ts';

/** On a busy machine a page of events takes seconds. */
const viewTimeoutMs = 20_000;
const viewBytesMax = 8 * 1024 * 1024;

/** The operator olivia, who reads a control plane's views. */
export abstract class OperatorViews {
  /** Where it answers now. */
  protected abstract url(): string;
  /** What it said last, for a failing test. */
  abstract get log(): string;

  /** Tells it to look for a release now; it does so at most once in five seconds. */
  async refresh(): Promise<void> {
    await this.#request({
      method: 'POST',
      path: '/v1/refresh',
      headers: { [protocolHeader]: '1' },
      timeoutMs: viewTimeoutMs,
      replyBytesMax: viewBytesMax,
    });
  }

  view(): Promise<FleetView> {
    return this.#view(FleetView, '/v1/fleet');
  }

  host(name: string): Promise<HostView> {
    return this.#view(HostView, `/v1/hosts/${name}`);
  }

  why(name: string): Promise<WhyView> {
    return this.#view(WhyView, `/v1/why/${name}`);
  }

  rollout(id: string): Promise<RolloutView> {
    return this.#view(RolloutView, `/v1/rollouts/${id}`);
  }

  /** Evidence that it keeps of a host, oldest first; its first page. */
  evidence(name: string): Promise<EvidenceView> {
    return this.#view(EvidenceView, `/v1/evidence/${name}`);
  }

  /** What hosts told it after this position, in the order in which it came. */
  async events(since = 0): Promise<EventView[]> {
    const all: EventView[] = [];
    for (let after: number | null = since; after !== null; ) {
      const page: EventsView = await this.#view(EventsView, `/v1/events?after=${after}&limit=500`);
      all.push(...page.events);
      after = page.next;
    }
    return all;
  }

  /** Waits until the fleet as it shows it passes, and returns that view. */
  until(
    what: string,
    isTrue: (view: FleetView) => boolean,
    options: { seconds?: number; explain?: () => string } = {},
  ): Promise<FleetView> {
    const look = async (): Promise<FleetView | null> => {
      const view = await this.view();
      return isTrue(view) ? view : null;
    };
    const explain = async (): Promise<string> => {
      const view = await this.view().catch(() => null);
      const hosts = view?.hosts.map(({ name, health, phase, withheld }) => {
        return `${name}: ${health} ${phase?.name} ${JSON.stringify(withheld)}`;
      });
      const rollouts = view?.rollouts.map(({ channel, state, wave, withheld }) => {
        return `${channel}: ${state} wave ${wave} ${JSON.stringify(withheld)}`;
      });
      return [view?.problems, hosts, rollouts, this.log, options.explain?.()].flat().join('\n');
    };
    return until(what, look, { ...options, explain });
  }

  async #view<View>(schema: z.ZodType<View>, path: string): Promise<View> {
    const result = await this.#request({
      method: 'GET',
      path,
      headers: { [protocolHeader]: '1' },
      timeoutMs: viewTimeoutMs,
      replyBytesMax: viewBytesMax,
    });
    if (!result.ok) throw new Error(`${path}: ${result.reason}: ${result.detail}`);
    const text = new TextDecoder().decode(result.reply.body);
    if (result.reply.status !== 200) throw new Error(`${path}: ${result.reply.status}: ${text}`);
    return schema.parse(JSON.parse(text));
  }

  /** Each reading connects anew: the control plane may have been started again meanwhile. */
  async #request(request: TransportRequest): Promise<TransportResult> {
    const [pin, olivia] = [await testKey('control-plane'), await testKey('operator:olivia')];
    const { identity } = await clientIdentity(olivia.privateKey, {
      commonName: 'olivia',
      crypto: nodeCrypto,
      random: systemRandom,
    });
    const pins = (): ReadonlySet<string> => new Set([pin.keyId]);
    const transport = new HttpsTransport({ urls: [this.url()], identity, pins, clock: systemClock });
    try {
      return await transport.request(request);
    } finally {
      transport.close();
    }
  }
}
