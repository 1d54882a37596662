import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { systemClock } from '@nixfleet/agent';
import { formatOpensshPublicLine } from '@nixfleet/contracts';
import type { ProbeCase, Setup } from './probe-case.ts';

const directory = '/var/lib/nixfleet-compliance';
const keyFile = '/srv/evidence-key.pub';
const hourMs = 3_600_000;

interface Key {
  readonly line: string;
  sign(text: string): string;
}

function newKey(): Key {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const raw = new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }).subarray(-32));
  return {
    line: formatOpensshPublicLine({ algorithm: 'ed25519', raw }),
    sign: (text) => sign(null, Buffer.from(text), privateKey).toString('base64'),
  };
}

/** What a collector leaves, one document an hour until `untilMs`, with these places in the chain. */
function archive(
  sequences: readonly number[],
  { untilMs, signer, own }: { untilMs: number; signer: Key; own: Key },
): Setup {
  const files: Record<string, string> = { [keyFile]: `${own.line}\n` };
  let previousSha256 = '0'.repeat(64);
  for (const [i, sequence] of sequences.entries()) {
    const atMs = untilMs - (sequences.length - 1 - i) * hourMs;
    const collectedAt = new Date(atMs).toISOString().replace(/\.\d+/, '');
    const chain = 'c'.repeat(32);
    const text = JSON.stringify({ chain, collectedAt, previousSha256, sequence });
    const time = collectedAt.replaceAll(/[-:]/g, '');
    const at = `${directory}/archive/${time}-${chain.slice(0, 8)}-${String(sequence).padStart(10, '0')}.json`;
    Object.assign(files, { [at]: text, [`${at}.sig`]: signer.sign(text), [`${at}.sshsig`]: 'armoured' });
    files[`${directory}/evidence.json`] = text;
    previousSha256 = createHash('sha256').update(text).digest('hex');
  }
  return { files };
}

const [own, other] = [newKey(), newKey()];
const now = systemClock.now();

export const evidenceCases: readonly ProbeCase[] = [
  {
    rules: ['EI-01', 'EI-02', 'EI-03', 'EI-04'],
    probe: 'evidence-integrity',
    args: [
      ...['--directory', directory, '--key-file', keyFile, '--public-key', own.line],
      ...['--max-age-seconds', '7200', '--free-megabytes-min', '1'],
    ],
    right: archive([1, 2, 3], { untilMs: now, signer: own, own }),
    wrong: {
      ...archive([1, 2, 4], { untilMs: now - 24 * hourMs, signer: other, own: other }),
      // It runs for two days already.
      script: "touch --no-dereference --date '2 days ago' /run/current-system",
    },
    found: ['bad-signature', 'gap', 'old', 'undeclared-key'],
  },
];
