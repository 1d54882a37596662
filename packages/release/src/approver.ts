import { readFile } from 'node:fs/promises';
import {
  type Crypto,
  checkSshsig,
  keyIdOf,
  makeSshsig,
  type PublicKey,
  parseOpensshPublicLine,
  type Refusal,
  refuse,
  type SignedBytes,
  type Signer,
  type TrustState,
} from '@nixfleet/contracts';
import { type Commands, failureText, succeeded } from './commands.ts';
import { ReleaseError } from './errors.ts';
import { signHookTimeoutMs } from './hook-signer.ts';
import { fileSigner } from './private-key-file.ts';
import type { ReleaseOutcome } from './release-refusal.ts';
import { requireRole } from './sign-document.ts';

/** A person's key. What it signs is SSHSIG, so that FIDO tokens and ssh-agent can hold it. */
export interface Approver {
  readonly publicKey: PublicKey;
  /** Armoured. Throws `ReleaseError` `command` where the key, its agent or its token does not sign. */
  approve(message: Uint8Array, namespace: string): Promise<string>;
}

/** A key in memory or behind a hook. */
export function signerApprover(signer: Signer, { crypto }: { readonly crypto: Crypto }): Approver {
  const { publicKey } = signer;
  return { publicKey, approve: (message, namespace) => makeSshsig(crypto, { signer, message, namespace }) };
}

export interface KeyFilePorts {
  readonly crypto: Crypto;
  readonly commands: Commands;
  /** What ssh-keygen asks of a person: touch the token. */
  readonly talk: (line: string) => void;
}

/**
 * A key file: PKCS#8 PEM; any key of OpenSSH that `ssh-keygen -Y sign` can use, a FIDO handle included; or the public half
 * (`.pub`) of a key that ssh-agent holds. Throws `ReleaseError`: `io`, `bad-input`.
 */
export async function fileApprover(path: string, ports: KeyFilePorts): Promise<Approver> {
  const text = await readText(path);
  if (text === null) throw new ReleaseError('io', `${path}: cannot read the key: check the path and its mode`);
  if (text.includes('BEGIN PRIVATE KEY')) return signerApprover(await fileSigner(path, ports), ports);
  const publicKey = await publicHalf(path, text, ports);
  return {
    publicKey,
    async approve(message, namespace) {
      const request = {
        file: 'ssh-keygen',
        args: ['-Y', 'sign', '-f', path, '-n', namespace],
        stdin: message,
        timeoutMs: signHookTimeoutMs,
        stdoutBytesMax: signatureBytesMax,
        isInteractive: true,
        onStderrLine: (line: string) => {
          if (!line.startsWith(chatter)) ports.talk(line);
        },
      };
      const result = await ports.commands.run(request);
      if (!succeeded(result)) throw new ReleaseError('command', failureText('ssh-keygen -Y sign', request, result));
      return new TextDecoder().decode(result.stdout);
    },
  };
}

const signatureBytesMax = 64 * 1024;
/** What `ssh-keygen -Y sign` says of every message that comes in by a pipe. */
const chatter = 'Signing data on standard input';

async function publicHalf(path: string, text: string, ports: KeyFilePorts): Promise<PublicKey> {
  const own = parseOpensshPublicLine(text);
  if (own) return own;
  if (!text.includes('BEGIN OPENSSH PRIVATE KEY')) {
    throw new ReleaseError('bad-input', `${path}: expected a private key, or the .pub of one that ssh-agent holds`);
  }
  const beside = parseOpensshPublicLine((await readText(`${path}.pub`)) ?? '');
  if (beside) return beside;
  return (await fileSigner(path, ports)).publicKey;
}

async function readText(path: string): Promise<string | null> {
  return readFile(path, 'utf8').catch(() => null);
}

/**
 * Adds approvals to a document's signatures. `not-a-signer` for a key that trust does not give to an approver, and
 * `sign-failed` if one does not sign, or signs with another key than the one that was named.
 */
export async function addApprovals(input: {
  readonly crypto: Crypto;
  readonly signed: SignedBytes;
  readonly approvers: readonly Approver[];
  readonly trust: TrustState;
  /** `<type>@<fleet>`. */
  readonly namespace: string;
}): Promise<ReleaseOutcome<SignedBytes>> {
  const { crypto, signed, approvers, trust, namespace } = input;
  const names = trust.document.roles.approver.signers;
  const known = await requireRole({ crypto, signers: approvers, states: [trust], names, role: 'approver' });
  if (!known.ok) return known;
  const sshSignatures = new Map(signed.sshSignatures);
  for (const approver of approvers) {
    const armored = await armoredBy(approver, signed.bytes, namespace);
    if (typeof armored !== 'string') return armored;
    const { publicKey: key } = approver;
    const checked = await checkSshsig(crypto, { armored, message: signed.bytes, namespace, key });
    if (!checked.ok)
      return refuse('sign-failed', `the signature does not verify under the named key: ${checked.reason}`);
    sshSignatures.set(await keyIdOf(crypto, key), armored);
  }
  return { ok: true, value: { ...signed, sshSignatures } };
}

async function armoredBy(
  approver: Approver,
  message: Uint8Array,
  namespace: string,
): Promise<string | Refusal<'sign-failed'>> {
  try {
    return await approver.approve(message, namespace);
  } catch (cause) {
    if (!(cause instanceof ReleaseError) || cause.code !== 'command') throw cause;
    return refuse('sign-failed', cause.message);
  }
}
