import { decodeHex } from './hex.ts';

/** Group order L, and field prime p = 2^255 - 19 (RFC 8032 §5.1). */
const order = (1n << 252n) + 27742317777372353535851937790883648493n;
const prime = (1n << 255n) - 19n;

/** y coordinates of the points of small order; the sign bit is ignored, so both signs of each are covered. */
const smallOrderY: ReadonlySet<bigint> = new Set([
  0n,
  1n,
  prime - 1n,
  littleEndian(decodeHex('26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05')),
  littleEndian(decodeHex('c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a')),
]);

/**
 * What a provider may leave unchecked: S < L (malleability, RFC 8032 §5.1.7), canonical encodings of A and R, and
 * neither of small order, under which one signature fits many messages or keys.
 */
export function isStrictEd25519(publicKey: Uint8Array, signature: Uint8Array): boolean {
  if (publicKey.length !== 32 || signature.length !== 64) return false;
  if (littleEndian(signature.subarray(32)) >= order) return false;
  return isSoundPoint(publicKey) && isSoundPoint(signature.subarray(0, 32));
}

function isSoundPoint(encoded: Uint8Array): boolean {
  const y = littleEndian(encoded) & ((1n << 255n) - 1n);
  return y < prime && !smallOrderY.has(y);
}

function littleEndian(bytes: Uint8Array | null): bigint {
  let value = 0n;
  for (const byte of [...(bytes ?? [])].reverse()) value = (value << 8n) | BigInt(byte);
  return value;
}
