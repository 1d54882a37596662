import { setImmediate as nextLoopTurn } from 'node:timers/promises';
import { ControlPlaneError } from '../errors.ts';
import { type Fixture, the } from '../fixture.test.ts';
import type { PostgresServer } from '../store/postgres-server.test.ts';
import type { SharedStanding, SharedState, Store } from '../store/store.ts';
import { lookMs } from './cluster.ts';

/** Turns without anything under way after which nothing more comes by itself. */
const quietTurns = 20;

/** Between a control plane and the database. */
export class Line {
  cut: PromiseWithResolvers<never> | null = null;
  /** How the others stood when it last told the truth of that; null while it does. */
  stale: SharedStanding | null = null;
  /** Its looks at what the others do, which begin with a sign of life, have no end. */
  late: PromiseWithResolvers<void> | null = null;

  delayLooks(): Disposable {
    const late = Promise.withResolvers<void>();
    this.late = late;
    return {
      [Symbol.dispose]: () => {
        this.late = null;
        late.resolve();
      },
    };
  }

  cutOff(): void {
    this.cut = Promise.withResolvers<never>();
    this.cut.promise.catch(() => {});
  }

  /** What was asked meanwhile has run into its bound. */
  mend(): void {
    this.cut?.reject(new ControlPlaneError('store-failed', 'no answer in time'));
    this.cut = null;
  }
}

/** Stores whose every call is counted while it lasts, so that a test's clock stands still meanwhile. */
export class Lab {
  readonly #server: PostgresServer;
  #underWay = 0;

  constructor(server: PostgresServer) {
    this.#server = server;
  }

  readonly idle = async (): Promise<void> => {
    for (let quiet = 0; quiet < quietTurns; quiet++) {
      if (this.#underWay > 0) quiet = 0;
      await nextLoopTurn();
    }
  };

  /** With a line that can be cut: what is asked then has no answer, as behind a network that drops everything. */
  async store(database: string, member: string): Promise<{ store: Store; line: Line }> {
    const store = await this.#server.store(database, member);
    const line = new Line();
    const shared = this.#counted(the(store.shared), line, {});
    return { store: this.#counted(store, line, { shared }), line };
  }

  #counted<Port extends Store | SharedState>(port: Port, line: Line, instead: Partial<Port>): Port {
    return new Proxy(port, {
      get: (target, key) => {
        if (Object.hasOwn(instead, key)) return Reflect.get(instead, key);
        const value: unknown = Reflect.get(target, key);
        if (typeof value !== 'function') return value;
        // It lasts as long as the control plane does.
        if (key === 'listen') return value.bind(target);
        return async (...parameters: unknown[]) => {
          if (line.stale !== null && key === 'standing') return line.stale;
          if (line.late !== null && key === 'beat') await line.late.promise;
          if (line.cut !== null && key !== Symbol.asyncDispose) await line.cut.promise;
          this.#underWay++;
          try {
            return await value.apply(target, parameters);
          } finally {
            this.#underWay--;
          }
        };
      },
    });
  }
}

export async function pass(fixture: Fixture, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 250) {
    await fixture.clock.advance(250);
    await fixture.idle();
  }
}

/** Long enough for each to have seen what the other did, without a hint. */
export const seen = (fixture: Fixture) => pass(fixture, 2 * lookMs);
