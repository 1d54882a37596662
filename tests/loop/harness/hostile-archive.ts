import type { ServerResponse } from 'node:http';
import { createGzip } from 'node:zlib';

/** Bytes written at once. */
const pieceBytes = 64 * 1024;
/** Between two bytes of one that drips, in milliseconds. */
const dripMs = 500;

/** A NAR whose one file has a petabyte, up to that file's contents (nix-archive-1: each string is its length, it and zeros to eight). */
const beginning = Buffer.concat([
  ...['nix-archive-1', '(', 'type', 'regular', 'contents'].map(narString),
  lengthOf(2n ** 50n),
]);

/** How a stream does not come to its end. */
export type Endless = 'archive' | 'compressed archive' | 'dripping archive' | 'description';

/** Answers for as long as the reader listens. */
export function pourWithoutEnd(response: ServerResponse, what: Endless): void {
  response.writeHead(200);
  response.on('error', () => {});
  if (what === 'dripping archive') {
    response.write(beginning);
    const drip = setInterval(() => response.write(Buffer.alloc(1)), dripMs);
    response.on('close', () => clearInterval(drip));
    return;
  }
  const into = what === 'compressed archive' ? createGzip({ level: 1 }) : response;
  if (into !== response) {
    into.pipe(response);
    response.on('close', () => into.destroy());
  }
  if (what !== 'description') into.write(beginning);
  const piece = Buffer.alloc(pieceBytes, what === 'description' ? 'Sig: ' : 0);
  const pour = (): void => {
    while (!response.destroyed && !into.destroyed && into.write(piece));
  };
  into.on('drain', pour);
  pour();
}

function narString(text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([lengthOf(BigInt(bytes.length)), bytes, Buffer.alloc((8 - (bytes.length % 8)) % 8)]);
}

function lengthOf(length: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(length);
  return bytes;
}
