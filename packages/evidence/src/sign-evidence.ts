import {
  type Crypto,
  encodeBase64,
  evidenceNamespace,
  type FleetName,
  makeSshsig,
  type Signer,
} from '@nixfleet/contracts';
import { EvidenceError } from './errors.ts';

/** Contents of `evidence.json.sig` and `evidence.json.sshsig`, over the same bytes by the same key. */
export interface EvidenceSignatures {
  /** Base64 of the raw 64 bytes: what the earlier implementation reads, where the key is ed25519. */
  readonly sig: string;
  /** Armoured SSHSIG in namespace `evidence@<fleet>`: what stock `ssh-keygen -Y verify` reads. */
  readonly sshsig: string;
}

/** Signs the canonical bytes in both forms with the host's key. Throws `EvidenceError` `bad-key` for one that cannot. */
export async function signEvidence(
  crypto: Crypto,
  { signer, bytes, fleet }: { readonly signer: Signer; readonly bytes: Uint8Array; readonly fleet: FleetName },
): Promise<EvidenceSignatures> {
  if (signer.publicKey.algorithm === 'sk-ssh-ed25519') {
    throw new EvidenceError('bad-key', 'expected the key of a host, got one that needs a person');
  }
  const sig = encodeBase64(await signer.sign(bytes));
  return { sig, sshsig: await makeSshsig(crypto, { signer, message: bytes, namespace: evidenceNamespace(fleet) }) };
}
