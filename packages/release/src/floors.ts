import { open, readFile, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Floor, type Random, Sha256Hex } from '@nixfleet/contracts';
import { z } from 'zod';
import { ReleaseError } from './errors.ts';

/**
 * What the signer of heads remembers between runs, so that nobody can make it sign for an older tree: the newest trust,
 * release and head it saw published, and the highest head version it ever signed (published or not, so that it never
 * signs one version twice).
 */
export const Floors = z.object({
  trust: Floor,
  release: Floor.nullable(),
  head: z
    .object({ version: z.int().min(1), sha256: Sha256Hex, keyIds: z.array(z.string().max(64)).max(64) })
    .nullable(),
  headVersionSigned: z.int().min(0),
});
export type Floors = z.infer<typeof Floors>;

/** Port. `read` gives null only if nothing was ever written; anything unreadable throws `floor-unreadable`. */
export interface FloorStore {
  read(): Promise<Floors | null>;
  write(floors: Floors): Promise<void>;
}

const floorBytesMax = 64 * 1024;

/** Keeps the floors in one file: written whole, flushed, renamed. Mode 0600: no secret, but nobody else's to change. */
export function fileFloors(path: string, { random }: { readonly random: Random }): FloorStore {
  return {
    async read() {
      let text: string;
      try {
        text = await readFile(path, 'utf8');
      } catch (cause) {
        if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return null;
        throw new ReleaseError('floor-unreadable', `${path}: cannot be read`, { cause });
      }
      try {
        if (text.length > floorBytesMax) throw new Error(`more than ${floorBytesMax} bytes`);
        return Floors.parse(JSON.parse(text));
      } catch (cause) {
        const hint = 'restore it, or delete it and accept what is published now as the first use';
        throw new ReleaseError('floor-unreadable', `${path}: damaged; ${hint}`, { cause });
      }
    },
    async write(floors) {
      const temporary = `${path}.new-${Buffer.from(random.bytes(8)).toString('hex')}`;
      {
        await using file = await open(temporary, 'wx', 0o600);
        await file.writeFile(`${JSON.stringify(Floors.parse(floors), null, 2)}\n`);
        await file.sync();
      }
      await rename(temporary, path);
      await using folder = await open(dirname(path), 'r');
      await folder.sync();
    },
  };
}
