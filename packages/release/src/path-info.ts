import { closurePathsMax, type NarHash, parseNarHash, StorePath } from '@nixfleet/contracts';
import { ReleaseError } from './errors.ts';

/** What the local store knows of one path. */
export interface PathInfo {
  readonly path: StorePath;
  readonly narHash: NarHash;
  /** Bytes of the NAR. */
  readonly narSize: number;
  /** Runtime references, sorted; the path itself among them where it refers to itself. */
  readonly references: readonly StorePath[];
  readonly deriver?: StorePath;
}

/**
 * Parses `nix-store --dump-db PATH…`: for each path the lines path, NAR hash in base-16, NAR size, deriver or nothing,
 * number of references, references. Chosen over `nix path-info --json`, whose shape changed twice and which needs an
 * experimental feature: this format is the one store databases are exchanged in, the same in every Nix and Lix.
 * Throws `ReleaseError` `nix` for anything else.
 */
export function parseValidityRegistration(text: string): PathInfo[] {
  if (text === '') return [];
  const lines = text.split('\n');
  if (lines.pop() !== '') throw malformed('does not end with a line break');
  const infos: PathInfo[] = [];
  let at = 0;
  const next = (): string => {
    const line = lines[at++];
    if (line === undefined) throw malformed('ends within a path');
    return line;
  };
  while (at < lines.length) {
    const path = storePath(next());
    const narHash = parseNarHash(next());
    if (!narHash) throw malformed(`no SHA-256 for ${path}`);
    const narSize = natural(next());
    const deriver = next();
    const count = natural(next());
    if (count > closurePathsMax) throw malformed(`${count} references of ${path}`);
    const references = Array.from({ length: count }, () => storePath(next())).sort();
    infos.push({ path, narHash, narSize, references, ...(deriver === '' ? {} : { deriver: storePath(deriver) }) });
  }
  return infos;
}

function storePath(text: string): StorePath {
  const parsed = StorePath.safeParse(text);
  if (!parsed.success) throw malformed(`expected a store path, got ${JSON.stringify(text.slice(0, 200))}`);
  return parsed.data;
}

function natural(text: string): number {
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(value)) throw malformed(`expected a number, got ${JSON.stringify(text.slice(0, 40))}`);
  return value;
}

function malformed(detail: string): ReleaseError {
  return new ReleaseError('nix', `nix-store --dump-db printed something else than expected: ${detail}`);
}
