import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { generateKeyPairSync, type KeyObject, sign, X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Signer } from './crypto.ts';
import { Instant } from './instant.ts';
import { selfSignedCertificate } from './self-signed-certificate.ts';

const notBefore = Instant.parse('2026-06-01T08:00:00Z');
const notAfter = Instant.parse('2056-06-01T08:00:00Z');
const serial = Uint8Array.of(0xff, 1, 2, 3);

function signerOf(algorithm: 'ed25519' | 'ecdsa-p256'): { signer: Signer; publicKey: KeyObject } {
  const { publicKey, privateKey } =
    algorithm === 'ed25519' ? generateKeyPairSync('ed25519') : generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  const raw = new Uint8Array(spki.subarray(algorithm === 'ed25519' ? -32 : -64));
  return {
    publicKey,
    signer: {
      publicKey: { algorithm, raw },
      sign: async (message) =>
        new Uint8Array(
          algorithm === 'ed25519'
            ? sign(null, message, privateKey)
            : sign('sha256', message, { key: privateKey, dsaEncoding: 'ieee-p1363' }),
        ),
    },
  };
}

for (const algorithm of ['ed25519', 'ecdsa-p256'] as const) {
  test(`a certificate of an ${algorithm} key is read and verified by node and by openssl`, async () => {
    // ECDSA integers are of varying length: several signatures, so that leading zeroes and high bits occur.
    for (let i = 0; i < (algorithm === 'ecdsa-p256' ? 20 : 1); i++) {
      const { signer, publicKey } = signerOf(algorithm);
      const der = await selfSignedCertificate({ signer, commonName: 'web-01', notBefore, notAfter, serial });
      const certificate = new X509Certificate(der);
      assert.equal(certificate.subject, 'CN=web-01');
      assert.equal(certificate.issuer, 'CN=web-01');
      assert.equal(certificate.subjectAltName, 'DNS:web-01');
      assert.equal(certificate.serialNumber, 'FF010203');
      assert.equal(certificate.validFromDate.toISOString(), '2026-06-01T08:00:00.000Z');
      assert.equal(certificate.validToDate.toISOString(), '2056-06-01T08:00:00.000Z');
      assert.ok(certificate.verify(publicKey));
      assert.ok(certificate.publicKey.equals(publicKey));
    }
    const { signer } = signerOf(algorithm);
    const der = await selfSignedCertificate({ signer, commonName: 'web-01', notBefore, notAfter, serial });
    const input = new X509Certificate(der).toString();
    const text = execFileSync('openssl', ['x509', '-noout', '-text'], { input, encoding: 'utf8' });
    assert.match(text, /DNS:web-01/);
    assert.match(text, /Version: 3/);
    const dir = mkdtempSync(join(tmpdir(), 'nixfleet-certificate-'));
    try {
      const file = join(dir, 'certificate.pem');
      writeFileSync(file, input);
      const args = ['verify', '-check_ss_sig', '-attime', '1790000000', '-CAfile', file, file];
      assert.match(execFileSync('openssl', args, { encoding: 'utf8' }), /: OK$/m);
    } finally {
      rmSync(dir, { recursive: true });
    }
  });
}

test('a name, serial or life that no certificate can carry is a fault of the caller', async () => {
  const { signer } = signerOf('ed25519');
  const good = { signer, commonName: 'web-01', notBefore, notAfter, serial };
  const bad = [
    { ...good, commonName: '' },
    { ...good, commonName: 'a'.repeat(64) },
    { ...good, commonName: 'wéb' },
    { ...good, serial: new Uint8Array(20) },
    { ...good, serial: new Uint8Array(0) },
    { ...good, notAfter: notBefore },
  ];
  for (const request of bad) await assert.rejects(selfSignedCertificate(request), { code: 'bad-certificate' });
  const short: Signer = { ...signer, publicKey: { algorithm: 'ed25519', raw: new Uint8Array(31) } };
  await assert.rejects(selfSignedCertificate({ ...good, signer: short }), { code: 'bad-key' });
});
