import { addSeconds, msToInstant, selfSignedCertificate } from '@nixfleet/contracts';
import { privateKeyToPem } from '@nixfleet/contracts/node-crypto';
import { testKey } from '@nixfleet/testkit';

const serial = new Uint8Array(16).fill(1);

/** Key and self-signed certificate, both PEM, of the test key with this label. */
export async function tlsIdentity(label: string, commonName: string): Promise<{ key: string; cert: string }> {
  const signer = await testKey(label);
  const notBefore = addSeconds(msToInstant(Date.now()), -3600);
  const notAfter = addSeconds(notBefore, 86_400);
  const der = await selfSignedCertificate({ signer, commonName, notBefore, notAfter, serial });
  const cert = `-----BEGIN CERTIFICATE-----\n${Buffer.from(der).toString('base64')}\n-----END CERTIFICATE-----\n`;
  return { key: privateKeyToPem(signer.privateKey), cert };
}
