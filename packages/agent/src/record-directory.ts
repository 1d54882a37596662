import { join } from 'node:path';
import type { Random } from '@nixfleet/contracts';
import type { Files } from './files.ts';

/** Records of switches that are kept, with what they printed. */
const recordsMax = 8;

/** The folder of the records, one folder a switch. Names count up, so that the newest is the last. */
export class RecordDirectory {
  readonly #path: string;
  readonly #files: Files;
  readonly #random: Random;

  constructor(options: { readonly path: string; readonly files: Files; readonly random: Random }) {
    this.#path = options.path;
    this.#files = options.files;
    this.#random = options.random;
  }

  /** Paths, oldest first. */
  async list(): Promise<readonly string[]> {
    const names = (await this.#files.list(this.#path)).filter((name) => /^\d{10}-[0-9a-f]{8}$/.test(name));
    return names.map((name) => join(this.#path, name));
  }

  async newest(): Promise<string | null> {
    return (await this.list()).at(-1) ?? null;
  }

  /** Makes the next one, and removes the oldest. */
  async create(): Promise<string> {
    const records = await this.list();
    for (const old of records.slice(0, Math.max(0, records.length - recordsMax + 1))) await this.#files.remove(old);
    const last = records.at(-1)?.slice(this.#path.length + 1, this.#path.length + 11) ?? '0';
    const name = `${String(Number(last) + 1).padStart(10, '0')}-${Buffer.from(this.#random.bytes(4)).toString('hex')}`;
    const path = join(this.#path, name);
    await this.#files.write(join(path, 'created'), new Uint8Array());
    return path;
  }
}
