import { HttpsTransport, type TransportReply, type Unreachable, type UnreachableReason } from '@nixfleet/agent';
import { type Clock, parseMessage, protocolHeader, protocolVersion, WireError } from '@nixfleet/contracts';
import type { z } from 'zod';
import { CliError } from './cli-error.ts';
import type { CommandContext } from './command-context.ts';
import type { CommandValues } from './command-values.ts';
import { loadSettings, requireSetting, type Settings } from './config/settings.ts';
import { loadOperatorKey, type OperatorKey } from './operator-key.ts';
import { pinsOf } from './pins.ts';
import { printable } from './printable.ts';

/** How long one read may take, in milliseconds, over all URLs. */
const readTimeoutMs = 15_000;
/** Largest view, in bytes: 10,000 hosts with some room. */
const viewBytesMax = 32 * 1024 * 1024;
/** Most waits for one reply, and longest of them, in seconds. */
const waitsMax = 20;
const waitSecondsMax = 60;

/** Reads the views of a control plane with the operator's key. Everything expected to go wrong is a `CliError`. */
export class ControlPlaneReader {
  readonly #transport: HttpsTransport;
  readonly #key: OperatorKey;
  readonly #signal: AbortSignal;
  readonly #settings: Settings;
  readonly #clock: Clock;

  constructor(options: {
    readonly transport: HttpsTransport;
    readonly key: OperatorKey;
    readonly signal: AbortSignal;
    readonly settings: Settings;
    readonly clock: Clock;
  }) {
    this.#transport = options.transport;
    this.#key = options.key;
    this.#signal = options.signal;
    this.#settings = options.settings;
    this.#clock = options.clock;
  }

  /** `path` starts with `/v1/`. `missing` is what a 404 means here. */
  async view<View>(schema: z.ZodType<View>, path: string, missing?: CliError): Promise<View> {
    return this.#read(schema, path, await this.#get(path), missing);
  }

  /** As `view`, for reads of many pages: where there were too many of late, it waits as long as it is told to. */
  async patientView<View>(schema: z.ZodType<View>, path: string): Promise<View> {
    for (let waits = 0; ; waits++) {
      const reply = await this.#get(path);
      if (reply.status !== 429 || waits === waitsMax) return this.#read(schema, path, reply);
      const seconds = Number(reply.headers['retry-after'] ?? 1);
      const isSane = seconds >= 1 && seconds <= waitSecondsMax;
      await this.#clock.sleep((isSane ? seconds : 1) * 1000, this.#signal);
    }
  }

  #read<View>(schema: z.ZodType<View>, path: string, reply: TransportReply, missing?: CliError): View {
    if (reply.status === 404 && missing) throw missing;
    if (reply.status !== 200) throw this.#refused(reply, path);
    const parsed = parseMessage(schema, reply.body);
    if (parsed.ok) return parsed.value;
    const what = `${originOf(reply)}${path}: unexpected reply (${printable(parsed.detail)})`;
    throw new CliError('failed', what, 'check that this nixfleet is as new as the control plane');
  }

  close(): void {
    this.#transport.close();
  }

  async #get(path: string): Promise<TransportReply> {
    const result = await this.#transport.request({
      method: 'GET',
      path,
      headers: { accept: 'application/json', [protocolHeader]: String(protocolVersion) },
      timeoutMs: readTimeoutMs,
      replyBytesMax: viewBytesMax,
      signal: this.#signal,
    });
    if (result.ok) return result.reply;
    throw this.#unreachable(result);
  }

  #unreachable({ reason, detail }: Unreachable): CliError {
    const urls = requireSetting(this.#settings, 'controlPlanes');
    const tried = urls.length > 1 ? ` (the last of ${urls.length} tried)` : '';
    return new CliError('failed', `control plane ${detail}${tried}`, unreachableHints[reason]);
  }

  #refused(reply: TransportReply, path: string): CliError {
    const where = `${originOf(reply)}${path}`;
    const parsed = parseMessage(WireError, reply.body);
    if (!parsed.ok) {
      return new CliError('failed', `${where}: status ${reply.status}`, 'check that this URL is a control plane');
    }
    const { error, message } = parsed.value;
    if (error === 'unknown-key' || error === 'unauthenticated' || error === 'not-allowed') {
      const { path: keyPath, publicLine } = this.#key;
      const next = `declare it under operators.<name>.pubkeys and release, or pass --identity: ${publicLine}`;
      return new CliError('failed', `${where}: ${keyPath} is not the key of an operator (${error})`, next);
    }
    const next = refusalHints[error] ?? 'see the log of the control plane';
    return new CliError('failed', `${where}: ${error}: ${printable(message)}`, next);
  }
}

const unreachableHints: Readonly<Record<UnreachableReason, string>> = {
  'name-not-resolved': 'check the host name in the URL',
  'connect-failed': 'check that the control plane runs, and the URL',
  'connect-timeout': 'check the network and the URL',
  'handshake-failed': 'check that this URL is a control plane (TLS 1.3)',
  'handshake-timeout': 'check that this URL is a control plane',
  'pin-mismatch': 'if its key was replaced, give the newest trust document with --trust; else somebody is in between',
  'reply-timeout': 'try again; see the log of the control plane',
  'reply-too-large': 'check that this URL is a control plane',
  'reply-broken': 'try again; see the log of the control plane',
  aborted: 'try again',
};

const refusalHints: Readonly<Partial<Record<string, string>>> = {
  'not-ready': 'it has no verified release yet; ask again, or see its /readyz',
  'unsupported-protocol': 'bring nixfleet and control plane to the same version',
  'rate-limited': 'wait a little and ask again',
  overloaded: 'wait a little and ask again',
  'not-found': 'check the name',
};

function originOf({ url }: TransportReply): string {
  return url.replace(/\/$/, '');
}

/** The reader that the settings describe; close it when done. */
export async function openReader(context: CommandContext, values: CommandValues): Promise<ControlPlaneReader> {
  const settings = await loadSettings(context, values);
  const urls = requireSetting(settings, 'controlPlanes');
  const keyPath = requireSetting(settings, 'identity');
  const pins = await pinsOf(settings);
  const key = await loadOperatorKey(keyPath);
  const transport = new HttpsTransport({ urls, identity: key.identity, pins: () => pins, clock: context.clock });
  return new ControlPlaneReader({ transport, key, signal: context.signal, settings, clock: context.clock });
}
