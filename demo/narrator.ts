import { performance } from 'node:perf_hooks';

const colours = { bold: '1', dim: '2', red: '31', green: '32', yellow: '33', cyan: '36' } as const;

/** Tells the story: plain lines everywhere, and on a terminal colours and one live line underneath. */
export class Narrator {
  readonly #isLive: boolean;
  readonly #startedAt = performance.now();
  readonly #proven: string[] = [];
  #live = '';

  constructor(isTerminal: boolean) {
    this.#isLive = isTerminal && process.env.NO_COLOR === undefined;
  }

  get elapsedSeconds(): number {
    return (performance.now() - this.#startedAt) / 1000;
  }

  get proven(): readonly string[] {
    return this.#proven;
  }

  title(text: string): void {
    this.#print('');
    this.#print(this.#paint('bold', text));
  }

  say(text: string): void {
    this.#print(`  ${text}`);
  }

  detail(text: string): void {
    this.#print(this.#paint('dim', `    ${text}`));
  }

  /** A step's claim, once it has been checked. */
  prove(text: string): void {
    this.#proven.push(text);
    this.#print(`  ${this.#paint('green', '✓')} ${text}`);
  }

  fail(text: string): void {
    this.#print(`  ${this.#paint('red', '✗')} ${text}`);
  }

  /** Replaces the live line; does nothing where there is no terminal. */
  live(text: string): void {
    if (!this.#isLive || text === this.#live) return;
    this.#live = text;
    process.stdout.write(`\r\u001b[2K${this.#paint('cyan', text.slice(0, (process.stdout.columns ?? 100) - 1))}`);
  }

  #print(line: string): void {
    if (this.#live !== '') process.stdout.write('\r\u001b[2K');
    this.#live = '';
    const clock = line === '' ? '' : this.#paint('dim', `${this.elapsedSeconds.toFixed(1).padStart(5)}s `);
    process.stdout.write(`${clock}${line}\n`);
  }

  #paint(colour: keyof typeof colours, text: string): string {
    return this.#isLive ? `\u001b[${colours[colour]}m${text}\u001b[0m` : text;
  }
}
