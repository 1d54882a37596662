// Bundled for the browser by verifier.test.ts: runs the vectors over the browser's own WebCrypto.
import {
  canonicalize,
  checkSshsig,
  decodeBase64,
  decodeHex,
  isStrictEd25519,
  parseOpensshPublicLine,
  utf8,
} from '@nixfleet/contracts';
import { type Subtle, webCrypto } from '@nixfleet/contracts/web-crypto';

/** The files of `vectors/` that need no file system: what this page reads of them. */
export interface VectorFiles {
  readonly canonical: { readonly cases: readonly { name: string; input: string; canonical: string }[] };
  readonly signatures: {
    readonly cases: readonly {
      name: string;
      algorithm: 'ed25519' | 'ecdsa-p256';
      public: string;
      message: string;
      signature: string;
      valid: boolean;
      refusedBeforeTheEquation?: boolean;
    }[];
  };
  readonly sshsig: {
    readonly cases: readonly {
      name: string;
      key: string;
      namespace: string;
      message: string;
      armored: string;
      expected: string;
    }[];
  };
}

/** One line for each vector: file, name and the verdict reached here. */
export async function runVectors({ canonical, signatures, sshsig }: VectorFiles): Promise<string[]> {
  const crypto = webCrypto((globalThis as unknown as { crypto: { subtle: Subtle } }).crypto.subtle);
  const verdicts = canonical.cases.map(({ name, input }) => `canonical ${name}: ${canonicalize(JSON.parse(input))}`);
  for (const { name, algorithm, public: encoded, message, signature } of signatures.cases) {
    const raw = decodeBase64(encoded) ?? new Uint8Array();
    const signed = decodeHex(signature) ?? new Uint8Array();
    const isValid = await crypto.verify({ algorithm, raw }, decodeHex(message) ?? new Uint8Array(), signed);
    const isStrict = algorithm !== 'ed25519' || isStrictEd25519(raw, signed);
    verdicts.push(`signature ${name}: valid ${isValid}, strict ${isStrict}`);
  }
  for (const { name, key: line, namespace, message, armored } of sshsig.cases) {
    const key = parseOpensshPublicLine(line);
    if (key === null) throw new Error(`expected a public line, got ${line}`);
    const checked = await checkSshsig(crypto, { armored, namespace, key, message: utf8(message) });
    verdicts.push(`sshsig ${name}: ${checked.ok ? 'ok' : checked.reason}`);
  }
  return verdicts;
}

(globalThis as unknown as { runVectors: typeof runVectors }).runVectors = runVectors;
