import { existsSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** How often an open connection is checked against the cut, in milliseconds. */
const checkEveryMs = 100;

/**
 * One host's way to the control plane: a TCP forwarder that the demo can cut and redirect. TLS runs through it end to
 * end, so whoever sits at the far end must hold the control plane's key to be listened to.
 */
export class NetworkLink implements AsyncDisposable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #timer: NodeJS.Timeout;
  readonly #cutFile: string;
  #targetPort: number;
  #isUnplugged = false;

  private constructor(server: Server, { targetPort, cutFile }: { targetPort: number; cutFile: string }) {
    this.#server = server;
    this.#targetPort = targetPort;
    this.#cutFile = cutFile;
    server.on('connection', (socket) => this.#forward(socket));
    this.#timer = setInterval(() => this.#enforceCut(), checkEveryMs);
  }

  /** `cutFile`: while it exists the host's own firewall is taken to drop everything. */
  static async open(options: { readonly targetPort: number; readonly cutFile: string }): Promise<NetworkLink> {
    const server = createServer();
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(0, '127.0.0.1', resolve);
    });
    return new NetworkLink(server, options);
  }

  get port(): number {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('the link is closed');
    return address.port;
  }

  get isCut(): boolean {
    return this.#isUnplugged || existsSync(this.#cutFile);
  }

  /** From now on connections end at another server; open ones are dropped. */
  redirect(targetPort: number): void {
    this.#targetPort = targetPort;
    this.#dropAll();
  }

  unplug(): void {
    this.#isUnplugged = true;
    this.#dropAll();
  }

  plugIn(): void {
    this.#isUnplugged = false;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    this.#dropAll();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #forward(inbound: Socket): void {
    if (this.isCut) {
      inbound.destroy();
      return;
    }
    const outbound = connect(this.#targetPort, '127.0.0.1');
    for (const socket of [inbound, outbound]) {
      this.#sockets.add(socket);
      socket.on('close', () => {
        this.#sockets.delete(socket);
        inbound.destroy();
        outbound.destroy();
      });
      socket.on('error', () => socket.destroy());
    }
    inbound.pipe(outbound);
    outbound.pipe(inbound);
  }

  #enforceCut(): void {
    if (this.isCut) this.#dropAll();
  }

  #dropAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}
