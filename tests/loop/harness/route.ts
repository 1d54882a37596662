import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** One host's way to the control plane: a TCP forwarder that can be cut, and led elsewhere, without anybody's settings changing. */
export class Route implements Disposable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #target: () => number | null;
  #elsewhere: number | null = null;
  #isCut = false;

  private constructor(server: Server, target: () => number | null) {
    this.#server = server;
    this.#target = target;
    server.on('connection', (socket) => this.#forward(socket));
  }

  /** `target`: the port of loopback that is forwarded to now; null while nothing listens. */
  static async open(target: () => number | null): Promise<Route> {
    const server = createServer();
    const route = new Route(server, target);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return route;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `https://127.0.0.1:${this.port}`;
  }

  /** Connections that are open now. */
  get open(): number {
    return this.#sockets.size / 2;
  }

  cut(): void {
    this.#isCut = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  mend(): void {
    this.#isCut = false;
  }

  /** From now on to another port of loopback, as somebody does who owns the network; null: to where it belongs. */
  leadTo(port: number | null): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#elsewhere = port;
  }

  [Symbol.dispose](): void {
    this.cut();
    this.#server.close();
  }

  #forward(inbound: Socket): void {
    const port = this.#elsewhere ?? this.#target();
    if (this.#isCut || port === null) {
      inbound.destroy();
      return;
    }
    const outbound = connect(port, '127.0.0.1');
    for (const [from, to] of [
      [inbound, outbound],
      [outbound, inbound],
    ] as const) {
      this.#sockets.add(from);
      from.pipe(to);
      from.on('error', () => to.destroy());
      from.on('close', () => {
        this.#sockets.delete(from);
        to.destroy();
      });
    }
  }
}
