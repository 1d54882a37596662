import { parseSignaturePath, type SignedBytes } from '@nixfleet/contracts';
import { ReleaseError } from './errors.ts';

/** One version of `releases/`, read only, wherever it is kept. Nothing in it is trusted before it is verified. */
export interface ReleaseTree {
  /** A file's bytes, null if it is not there. One of more than `bytesMax` bytes throws `ReleaseError` `bad-input`. */
  read(path: string, bytesMax: number): Promise<Uint8Array | null>;
  /** Names of the files directly in a folder (`''` for the top), sorted; empty if it is not there. */
  list(directory: string): Promise<readonly string[]>;
}

/** Files to write (whole) and to remove. Paths are relative to `releases/`. */
export interface TreeChange {
  readonly files: ReadonlyMap<string, Uint8Array>;
  readonly removed: ReadonlySet<string>;
}

/** Largest SSHSIG: an RSA-free one is below 1 KiB. */
const signatureBytesMax = 16 * 1024;
/** Most signatures that are read of one document. */
const signaturesReadMax = 64;

export const emptyTree: ReleaseTree = { read: async () => null, list: async () => [] };

export function treeOfFiles(files: ReadonlyMap<string, Uint8Array>): ReleaseTree {
  return overlayTree(emptyTree, { files, removed: new Set() });
}

/** `base` as it will be once `change` is published. */
export function overlayTree(base: ReleaseTree, change: TreeChange): ReleaseTree {
  return {
    async read(path, bytesMax) {
      const written = change.files.get(path);
      if (written) return written;
      return change.removed.has(path) ? null : base.read(path, bytesMax);
    },
    async list(directory) {
      const names = new Set<string>();
      const inside = (name: string) => (directory === '' ? name : `${directory}/${name}`);
      for (const name of await base.list(directory)) if (!change.removed.has(inside(name))) names.add(name);
      for (const path of change.files.keys()) {
        const at = path.lastIndexOf('/');
        if (path.slice(0, Math.max(0, at)) === directory) names.add(path.slice(at + 1));
      }
      return [...names].sort();
    },
  };
}

/**
 * A document with the signatures beside it; null if it is not there. `keys`: whose signatures can count; without it the
 * first `signaturesReadMax` are read, and whoever can write there could crowd the others out.
 */
export async function readSigned(
  tree: ReleaseTree,
  path: string,
  bytesMax: number,
  keys?: { has(keyId: string): boolean },
): Promise<SignedBytes | null> {
  const bytes = await tree.read(path, bytesMax);
  if (!bytes) return null;
  const at = path.lastIndexOf('/');
  const directory = path.slice(0, Math.max(0, at));
  const signatures = new Map<string, Uint8Array>();
  const sshSignatures = new Map<string, string>();
  for (const name of await tree.list(directory)) {
    const file = directory === '' ? name : `${directory}/${name}`;
    const parsed = parseSignaturePath(file);
    if (parsed?.path !== path || keys?.has(parsed.keyId) === false) continue;
    if (signatures.size + sshSignatures.size >= signaturesReadMax) break;
    const signature = await readSignature(tree, file);
    if (!signature) continue;
    if (parsed.kind === 'sig') signatures.set(parsed.keyId, signature);
    else sshSignatures.set(parsed.keyId, new TextDecoder().decode(signature));
  }
  return { bytes, signatures, sshSignatures };
}

/** What is too large to be a signature is none, and must not hide the others. */
async function readSignature(tree: ReleaseTree, path: string): Promise<Uint8Array | null> {
  try {
    return await tree.read(path, signatureBytesMax);
  } catch (error) {
    if (error instanceof ReleaseError && error.code === 'bad-input') return null;
    throw error;
  }
}
