import { readJournalLines } from '@nixfleet/cli';
import {
  Commit,
  checkSshsig,
  decodeBase64,
  decodeHex,
  encodeBase64,
  encodeHex,
  formatOpensshPrivateKey,
  formatOpensshPublicLine,
  Instant,
  instantToMs,
  msToInstant,
  parseNarHash,
  parseOpensshPrivateKey,
  parseOpensshPublicLine,
  parseSignaturePath,
  parseSpki,
  parseSshKeyBlob,
  StorePath,
  signaturePath,
  spkiOf,
  sshKeyBlob,
  sshsigCharactersMax,
} from '@nixfleet/contracts';
import { privateKeyFromPem, privateKeyToPem } from '@nixfleet/contracts/node-crypto';
import { isSignedPath } from '@nixfleet/control-plane';
import {
  type NarInfo,
  parseNarInfo,
  parsePrivateKey,
  parsePublicKey,
  parseValidityRegistration,
} from '@nixfleet/release';
import { caught, type Format, left, type Outcome, taken, textOf, utf8 } from './format.ts';

/** What the SSHSIGs of the corpus sign, in which namespace, and who is to have signed: keys of vectors/openssh-keys.json. */
export const sshsigSigned = { text: '{"a":1}', namespace: 'hold@example' };
export const sshsigKeys = {
  sshsig: 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIC1JNdhsyYnVDgP47g+GD6n/nVAeQednHZycqJEapEaA',
  'sshsig-ecdsa-p256':
    'ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBJ8B+rgBEyuG+kpxu2O54leF82YrX5V9tar2IYssqcyuUpvAMg8ID4C1HjJ4ZL1s4SHkpCG8T9PIRBnwTH+YegM=',
  'sshsig-fido':
    'sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAIJmrDTZMm/3I6KSCNtzw/Vgs7lJjh89gulvwOF078T+rAAAABHNzaDo=',
} as const;
const narInfoBytesMax = 4 * 1024 * 1024;

type Described = Pick<Format, 'name' | 'read'> & Partial<Format>;

function text(format: Described): Format {
  return { shape: 'text', isCanonical: false, bytesMax: null, ...format };
}

/** A text that has one form, if any. */
function word(name: string, print: (text: string) => string | null): Format {
  return text({
    name,
    isCanonical: true,
    async read(bytes) {
      const from = textOf(bytes);
      // What is no UTF-8 is no text: whoever hands these words on has it as a string.
      const isText = Buffer.compare(utf8(from), bytes) === 0;
      const printed = isText ? print(from) : null;
      return printed === null ? left('refused') : taken(printed, utf8(printed));
    },
  });
}

function bytes(name: string, print: (bytes: Uint8Array) => Uint8Array | null): Format {
  return {
    name,
    shape: 'bytes',
    isCanonical: true,
    bytesMax: null,
    async read(from) {
      const printed = print(from);
      return printed === null ? left('refused') : taken(printed, printed);
    },
  };
}

function brand(schema: { safeParse(value: string): { readonly success: boolean } }): (text: string) => string | null {
  return (from) => (schema.safeParse(from).success ? from : null);
}

const keys: readonly Format[] = [
  text({
    name: 'openssh-public-key',
    async read(from) {
      const key = parseOpensshPublicLine(textOf(from));
      return key === null ? left('refused') : taken(key, utf8(formatOpensshPublicLine(key)));
    },
  }),
  text({
    name: 'openssh-private-key',
    async read(from, crypto) {
      const parsed = parseOpensshPrivateKey(textOf(from));
      if (!parsed.ok) return left(parsed.reason, parsed.detail);
      const { value: key } = parsed;
      if (key.algorithm !== 'ed25519') throw new Error('expected ed25519');
      const { raw } = await crypto.publicKeyOf(key);
      const printed = formatOpensshPrivateKey({ seed: key.seed, publicRaw: raw, comment: '', check: 1 });
      return taken(key, utf8(printed));
    },
  }),
  text({
    name: 'private-key-pem',
    read: (from) =>
      caught(['bad-key'], () => {
        const key = privateKeyFromPem(textOf(from));
        return taken(key, utf8(privateKeyToPem(key)));
      }),
  }),
  text({
    name: 'signer-private-key',
    read: (from) =>
      caught(['bad-input'], () => {
        const key = parsePrivateKey(textOf(from), 'key');
        return taken(key, utf8(privateKeyToPem(key)));
      }),
  }),
  text({
    name: 'signer-public-key',
    read: (from) =>
      caught(['bad-input'], () => {
        const key = parsePublicKey(textOf(from), 'key');
        return taken(key, utf8(formatOpensshPublicLine(key)));
      }),
  }),
  ...Object.entries(sshsigKeys).map(([name, line]) =>
    text({
      name,
      bytesMax: sshsigCharactersMax,
      async read(from, crypto): Promise<Outcome> {
        const key = parseOpensshPublicLine(line);
        if (key === null) throw new Error(`${name}: not a key`);
        const { text: signed, namespace } = sshsigSigned;
        const checked = await checkSshsig(crypto, { armored: textOf(from), message: utf8(signed), namespace, key });
        return checked.ok ? taken(true, from) : left(checked.reason);
      },
    }),
  ),
  bytes('spki', (from) => {
    const key = parseSpki(from);
    return key && spkiOf(key);
  }),
  bytes('ssh-key-blob', (from) => {
    const key = parseSshKeyBlob(from);
    return key && sshKeyBlob(key);
  }),
];

const words: readonly Format[] = [
  word('base64', (from) => {
    const decoded = decodeBase64(from);
    return decoded && encodeBase64(decoded);
  }),
  word('hex', (from) => {
    const decoded = decodeHex(from);
    return decoded && encodeHex(decoded);
  }),
  word('instant', (from) => {
    const parsed = Instant.safeParse(from);
    return parsed.success ? msToInstant(instantToMs(parsed.data)) : null;
  }),
  word('store-path', brand(StorePath)),
  word('commit', brand(Commit)),
  word('signed-path', (from) => (isSignedPath(from) ? from : null)),
  word('signature-path', (from) => {
    const parsed = parseSignaturePath(from);
    return parsed && signaturePath(parsed.path, parsed.keyId, parsed.kind);
  }),
  text({
    name: 'nar-hash',
    async read(from) {
      const hash = parseNarHash(textOf(from));
      return hash === null ? left('refused') : taken(hash, utf8(hash));
    },
  }),
];

const nix: readonly Format[] = [
  text({
    name: 'narinfo',
    bytesMax: narInfoBytesMax,
    async read(from) {
      const parsed = parseNarInfo(from);
      return parsed.ok ? taken(parsed.value, utf8(narInfoText(parsed.value))) : left(parsed.reason, parsed.detail);
    },
  }),
  text({
    name: 'validity-registration',
    read: (from) =>
      caught(['nix'], () => {
        const infos = parseValidityRegistration(textOf(from));
        return taken(infos, utf8(infos.map(registrationText).join('')));
      }),
  }),
];

function narInfoText({ path, url, narHash, narSize, references, signatures }: NarInfo): string {
  const names = references.map((reference) => reference.slice('/nix/store/'.length));
  return [
    `StorePath: ${path}`,
    `URL: ${url}`,
    `NarHash: ${narHash}`,
    `NarSize: ${narSize}`,
    `References: ${names.join(' ')}`,
    ...signatures.map(({ keyName, signature }) => `Sig: ${keyName}:${encodeBase64(signature)}`),
    '',
  ].join('\n');
}

function registrationText(info: ReturnType<typeof parseValidityRegistration>[number]): string {
  const { path, narHash, narSize, references, deriver = '' } = info;
  return `${[path, narHash, narSize, deriver, references.length, ...references].join('\n')}\n`;
}

const journal: Format = text({
  name: 'journal-lines',
  read: (from) =>
    caught(['failed'], async () => {
      const events = await readJournalLines([from], 'journal');
      return taken(events, utf8(events.map((event) => `${JSON.stringify(event)}\n`).join('')));
    }),
});

export const textFormats: readonly Format[] = [...keys, ...words, ...nix, journal];
