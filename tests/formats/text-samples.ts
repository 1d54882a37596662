import { createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodeBase64, parseOpensshPublicLine, spkiOf, sshKeyBlob, sshString } from '@nixfleet/contracts';
import { privateKeyToPem } from '@nixfleet/contracts/node-crypto';
import { createTestFleet, testKey } from '@nixfleet/testkit';
import { utf8 } from './format.ts';
import type { Samples } from './samples.ts';
import { sshsigKeys, sshsigSigned } from './texts.ts';

function vectors<Shape>(file: string): Shape {
  return JSON.parse(readFileSync(join(import.meta.dirname, '../../vectors', file), 'utf8')) as Shape;
}

const fileName = (name: string): string => name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-');
const storePath = '/nix/store/0123456789abcdfghijklmnpqrsvwxyz-hello-2.12';
const other = '/nix/store/zyxwvsrqpnmlkjihgfdcba9876543210-glibc-2.40';
const narHash = 'sha256:0mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73';
const hex64 = 'ab'.repeat(32);

/** Texts by name; invalid ones by reason, or as one list where there is but one reason. */
function texts(
  valid: Readonly<Record<string, string | Uint8Array>>,
  invalid: Readonly<Record<string, Readonly<Record<string, string | Uint8Array>>>>,
): Samples {
  const encoded = (files: Readonly<Record<string, string | Uint8Array>>): Record<string, Uint8Array> =>
    Object.fromEntries(
      Object.entries(files).map(([name, content]) => [
        fileName(name),
        typeof content === 'string' ? utf8(content) : content,
      ]),
    );
  return {
    valid: encoded(valid),
    invalid: Object.fromEntries(Object.entries(invalid).map(([reason, files]) => [reason, encoded(files)])),
  };
}

function sshsigs(): [string, Samples][] {
  interface Case {
    readonly name: string;
    readonly key: string;
    readonly namespace: string;
    readonly message: string;
    readonly armored: string;
    readonly expected: string;
  }
  const { cases } = vectors<{ cases: Case[] }>('sshsig.json');
  return Object.entries(sshsigKeys).map(([format, line]) => {
    const valid: Record<string, string> = {};
    const invalid: Record<string, Record<string, string>> = {};
    for (const { name, key, namespace, message, armored, expected } of cases) {
      const isOfContext = namespace === sshsigSigned.namespace && message === sshsigSigned.text;
      if (!key.startsWith(line) || !isOfContext) continue;
      if (expected === 'ok') valid[name] = armored;
      else invalid[expected] = { ...invalid[expected], [name]: armored };
    }
    const [good = ''] = Object.values(valid);
    invalid.malformed = { ...invalid.malformed, truncated: good.slice(0, -40), empty: '', doubled: good + good };
    return [format, texts(valid, invalid)];
  });
}

async function keySamples(): Promise<[string, Samples][]> {
  interface Keys {
    readonly publicKeys: { readonly algorithm: string; readonly line: string }[];
    readonly refusedPublicLines: string[];
    readonly privateKeys: { readonly name: string; readonly pem: string; readonly expected: string }[];
  }
  const { publicKeys, refusedPublicLines, privateKeys } = vectors<Keys>('openssh-keys.json');
  const lines = Object.fromEntries(publicKeys.map(({ algorithm, line }) => [algorithm, line]));
  const refusedLines = {
    ...Object.fromEntries(refusedPublicLines.map((line) => [line.split(' ')[0] ?? '', line])),
    'two keys': `${lines.ed25519}\n${lines.ed25519}`,
    'another algorithm than in the key': lines.ed25519?.replace('ssh-ed25519', 'ecdsa-sha2-nistp256') ?? '',
    'certificate authority': `cert-authority ${lines.ed25519}`,
  };
  const [good, encrypted, ecdsa, rsa] = privateKeys.map(({ pem }) => pem);
  const ed25519 = await testKey('corpus');
  const p256 = await testKey('corpus', 'ecdsa-p256');
  const pems = { ed25519: privateKeyToPem(ed25519.privateKey), p256: privateKeyToPem(p256.privateKey) };
  const publicPem = `-----BEGIN PUBLIC KEY-----\n${encodeBase64(spkiOf(p256.publicKey))}\n-----END PUBLIC KEY-----\n`;
  const encryptedPem = createPrivateKey(pems.ed25519)
    .export({ format: 'pem', type: 'pkcs8', cipher: 'aes-256-cbc', passphrase: 'not a secret' })
    .toString();
  const fido = parseOpensshPublicLine(sshsigKeys['sshsig-fido']);
  if (fido === null) throw new Error('no FIDO key');
  const spki = spkiOf(ed25519.publicKey);
  const blob = sshKeyBlob(ed25519.publicKey);
  return [
    ['openssh-public-key', texts(lines, { refused: refusedLines })],
    [
      'openssh-private-key',
      texts(
        { ed25519: good ?? '', 'with line breaks of another system': good?.replaceAll('\n', '\r\n') ?? '' },
        {
          encrypted: { 'with a passphrase': encrypted ?? '' },
          'unsupported-algorithm': { ecdsa: ecdsa ?? '', rsa: rsa ?? '' },
          malformed: { truncated: good?.slice(0, 200) ?? '', empty: '', pem: pems.ed25519 },
        },
      ),
    ],
    [
      'private-key-pem',
      texts(pems, { 'bad-key': { encrypted: encryptedPem, openssh: good ?? '', public: publicPem, empty: '' } }),
    ],
    [
      'signer-private-key',
      texts(
        { ...pems, openssh: good ?? '' },
        {
          'bad-input': { encrypted: encryptedPem, 'openssh encrypted': encrypted ?? '', public: publicPem, empty: '' },
        },
      ),
    ],
    [
      'signer-public-key',
      texts(
        { openssh: lines.ed25519 ?? '', pem: publicPem, declared: `ed25519:${encodeBase64(ed25519.publicKey.raw)}` },
        { 'bad-input': { private: pems.ed25519, 'too short': 'ed25519:AAAA', empty: '' } },
      ),
    ],
    [
      'spki',
      texts(
        { ed25519: spki, p256: spkiOf(p256.publicKey) },
        { refused: { 'one byte more': new Uint8Array([...spki, 0]), 'one byte less': spki.slice(0, -1), empty: '' } },
      ),
    ],
    [
      'ssh-key-blob',
      texts(
        { ed25519: blob, p256: sshKeyBlob(p256.publicKey), fido: sshKeyBlob(fido) },
        {
          refused: {
            'one byte more': new Uint8Array([...blob, 0]),
            'a length past the end': new Uint8Array([0xff, 0xff, 0xff, 0xff, ...blob]),
            'a name and nothing else': sshString('ssh-ed25519'),
          },
        },
      ),
    ],
  ];
}

function wordSamples(): [string, Samples][] {
  return [
    [
      'base64',
      texts({ empty: '', padded: 'AA==' }, { refused: { 'spare bits': 'AB==', 'no padding': 'AA', url: '-_-_' } }),
    ],
    ['hex', texts({ empty: '', two: '00ff' }, { refused: { 'upper case': 'FF', odd: 'f', space: '0 ' } })],
    [
      'instant',
      texts(
        { first: '2000-01-01T00:00:00Z', last: '2999-12-31T23:59:59Z', 'leap day': '2024-02-29T12:00:00Z' },
        {
          refused: {
            'no leap day': '2023-02-29T12:00:00Z',
            'thirty-first of april': '2026-04-31T00:00:00Z',
            fraction: '2026-06-01T08:00:00.5Z',
            offset: '2026-06-01T08:00:00+00:00',
            'leap second': '2026-06-30T23:59:60Z',
            'before 2000': '1999-12-31T23:59:59Z',
            'line break': '2026-06-01T08:00:00Z\n',
          },
        },
      ),
    ],
    [
      'store-path',
      texts(
        { plain: storePath, 'all signs': '/nix/store/0123456789abcdfghijklmnpqrsvwxyz-A+_?=.-z' },
        {
          refused: {
            'path inside': `${storePath}/bin`,
            climbing: '/nix/store/../etc/passwd',
            'letter that is none': '/nix/store/e123456789abcdfghijklmnpqrsvwxyz-x',
            'hidden name': '/nix/store/0123456789abcdfghijklmnpqrsvwxyz-.x',
            'line break': `${storePath}\n`,
            'other store': storePath.replace('/nix', '/gnu'),
          },
        },
      ),
    ],
    [
      'commit',
      texts(
        { sha1: '1'.repeat(40), sha256: hex64 },
        { refused: { short: '1234567', branch: 'main', option: '--upload-pack=x' } },
      ),
    ],
    [
      'signed-path',
      texts(
        { head: 'head.json', trust: 'trust/12.json', signature: `release/${hex64}.json.${hex64}.sig` },
        {
          refused: {
            climbing: '../settings.json',
            encoded: '%2e%2e/settings.json',
            absolute: '/etc/passwd',
            'trust with a zero': 'trust/01.json',
            'nul byte': 'head.json\0',
            'upper case': `release/${hex64.toUpperCase()}.json`,
          },
        },
      ),
    ],
    [
      'signature-path',
      texts(
        { sig: `head.json.${hex64}.sig`, sshsig: `holds/${hex64}.json.${hex64}.sshsig` },
        { refused: { 'no key': 'head.json.sig', 'another end': `head.json.${hex64}.asc`, nothing: `.${hex64}.sig` } },
      ),
    ],
    [
      'nar-hash',
      texts(
        {
          'base-32': narHash,
          'base-16': `sha256:${hex64}`,
          sri: `sha256-${encodeBase64(new Uint8Array(32))}`,
          bare: hex64,
        },
        {
          refused: {
            'too large': `sha256:z${'0'.repeat(51)}`,
            sha512: `sha512-${encodeBase64(new Uint8Array(64))}`,
            'spare bits': `sha256-${'A'.repeat(42)}B=`,
            empty: '',
          },
        },
      ),
    ],
  ];
}

async function fileSamples(): Promise<[string, Samples][]> {
  const key = await testKey('cache');
  const sig = encodeBase64(await key.sign(utf8('x')));
  const names = [storePath, other].map((path) => path.slice('/nix/store/'.length));
  const info = `StorePath: ${storePath}\nURL: nar/x.nar.xz\nCompression: xz\nFileHash: ${narHash}\nFileSize: 50\nNarHash: ${narHash}\nNarSize: 100\nReferences: ${names.join(' ')}\nDeriver: x.drv\nSig: cache-1:${sig}\n`;
  const registration = `${storePath}\n${hex64}\n100\n\n2\n${other}\n${storePath}\n`;
  const fleet = await createTestFleet();
  await fleet.publish();
  const line = JSON.stringify(await fleet.receipt('canary'));
  return [
    [
      'narinfo',
      texts(
        {
          signed: info,
          'no references': info.replace(/^References:.*$/m, 'References:'),
          unsigned: info.replace(/^Sig.*\n/m, ''),
        },
        {
          malformed: {
            truncated: info.slice(0, -1),
            'path named twice': `${info}StorePath: ${other}\n`,
            'archive elsewhere': info.replace('nar/x', '../x'),
            'archive at a url': info.replace('nar/x', 'https://mallory.example/x'),
            'signature too short': info.replace(sig, sig.slice(4)),
            'no size': info.replace('NarSize: 100', 'NarSize: 0'),
            'size in hexadecimal': info.replace('NarSize: 100', 'NarSize: 0x64'),
            'line breaks of another system': info.replaceAll('\n', '\r\n'),
            'byte order mark': `\ufeff${info}`,
            'no utf 8': new Uint8Array([...utf8(info), 0xff, 0x0a]),
            empty: '',
          },
        },
      ),
    ],
    [
      'validity-registration',
      texts(
        { two: registration, none: '', 'with a deriver': registration.replace('\n\n', `\n${storePath}.drv\n`) },
        {
          nix: {
            truncated: registration.slice(0, -1),
            'fewer references than said': registration.replace('\n2\n', '\n3\n'),
            'references without end': registration.replace('\n2\n', '\n9999999999999999\n'),
            'no hash': registration.replace(hex64, 'sha1:x'),
          },
        },
      ),
    ],
    [
      'journal-lines',
      texts(
        { two: `${line}\n${line}\n`, 'no last line break': line, 'empty lines': `\n${line}\r\n\n`, empty: '' },
        {
          failed: {
            'cut short': `${line}\n${line.slice(0, -10)}`,
            'not json': 'hello\n',
            'no signature': '{"event":"{}"}\n',
            'two on a line': `${line}${line}\n`,
          },
        },
      ),
    ],
  ];
}

export async function textSamples(): Promise<ReadonlyMap<string, Samples>> {
  return new Map([...(await keySamples()), ...sshsigs(), ...wordSamples(), ...(await fileSamples())]);
}
