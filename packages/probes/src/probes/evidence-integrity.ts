import { collectionFiles, decodeBase64, drillAside, type PublicKey, parseOpensshPublicLine } from '@nixfleet/contracts';
import { nodeCrypto } from '@nixfleet/contracts/node-crypto';
import { allViolations, lookArgument, lookedAt } from '../aspects.ts';
import { ProbeError } from '../errors.ts';
import { objectOf } from '../json-object.ts';
import type { Machine } from '../machine.ts';
import { probe, type Violation } from '../probe.ts';
import { sha256Hex } from '../sha256.ts';

const documentsMax = 20_000;
const documentBytesMax = 256 * 1024;
const signatureBytesMax = 8192;
/** How far its clock may be ahead of now, in seconds. */
const aheadSecondsMax = 60;
const mebibyte = 1024 * 1024;
/** `<time>-<chain>-<sequence>.json`: as `archiveName` of the agent writes it. */
const archived = /^\d{8}T\d{6}Z-([0-9a-f]{8})-(\d{10})\.json$/;
const chainDigits = 8;

const aspects = {
  age: ['old', 'future'],
  chain: ['gap', 'broken-chain', 'missing', 'unreadable'],
  signature: ['unsigned', 'bad-signature', 'undeclared-key'],
  space: ['space'],
};

interface Document {
  readonly name: string;
  readonly sha256: string;
  readonly bytes: Uint8Array;
  /** Null where its content does not say. */
  readonly place: {
    readonly sequence: number;
    readonly previousSha256: unknown;
    readonly chain: string;
    readonly atMs: number;
  } | null;
}

export const evidenceIntegrity = probe({
  name: 'evidence-integrity',
  summary:
    'that evidence is collected, its chain has no gap, its signature is of a declared key, and there is room for more',
  arguments: {
    look: lookArgument(aspects),
    directory: { kind: 'text', what: "the collector's folder, with the archive in it" },
    maxAgeSeconds: {
      kind: 'number',
      what: 'seconds that may pass without a document while one system runs; none: age is not looked at',
      default: null,
    },
    freeMegabytesMin: { kind: 'number', what: 'least free space, in mebibytes', default: 0 },
    recent: { kind: 'number', what: 'how many of the newest documents of the chain are read', default: 8 },
    publicKey: { kind: 'list', what: 'declared key of this host, as `ssh-ed25519 AAAA…`; none given: the host’s own' },
    keyFile: { kind: 'text', what: "the host's own public key", default: '/etc/ssh/ssh_host_ed25519_key.pub' },
  },
  facts: {
    documents: 'documents of the archive',
    newestSequence: 'sequence of the newest; null: there is none, as before the first collection',
    ageSeconds: 'its age in seconds; null: there is none',
    freeMegabytes: 'free space of their file system, in mebibytes',
  },
  violations: allViolations(aspects),
  root: "the host's files, whoever may read them",
  async measure(machine, { look, directory, maxAgeSeconds, freeMegabytesMin, recent, publicKey, keyFile }) {
    const archive = `${directory}/archive`;
    const names = (machine.list(archive) ?? []).filter((name) => archived.test(name));
    if (names.length > documentsMax) throw new ProbeError('oversized', `${archive}: more than ${documentsMax}`);
    const copy = copyIn(machine, directory);
    const chosen = recentOf(names, copy && placeOf(collectionFiles.evidence, copy), Math.max(2, recent));
    const documents = chosen.map((name) => readDocument(machine, archive, name));
    const newest = documents.at(-1) ?? null;
    const freeMegabytes = machine.status(directory) ? Math.floor(machine.space(directory).freeBytes / mebibyte) : null;
    const violations: Violation[] = [
      ...chainViolations(documents),
      ...copyViolations(copy, documents),
      ...(maxAgeSeconds === null ? [] : ageViolations(machine, newest, maxAgeSeconds)),
      ...(newest
        ? await signatureViolations(machine, `${archive}/${newest.name}`, newest, { publicKey, keyFile })
        : []),
    ];
    if (freeMegabytes !== null && freeMegabytes < freeMegabytesMin)
      violations.push({ what: 'space', subject: directory, observed: freeMegabytes, expected: freeMegabytesMin });
    return {
      facts: {
        documents: names.length,
        newestSequence: newest?.place?.sequence ?? null,
        ageSeconds: newest?.place ? Math.round((machine.nowMs - newest.place.atMs) / 1000) : null,
        freeMegabytes,
      },
      violations: lookedAt(aspects, look, violations),
    };
  },
});

/**
 * What lies at the fixed place. Where a drill put something false there, what it keeps aside: a collection puts that back before
 * it measures, and a look, which changes nothing, finds it as it was left.
 */
function copyIn(machine: Machine, directory: string): Uint8Array | null {
  const copy = machine.readBytes(`${directory}/${collectionFiles.evidence}`, documentBytesMax);
  if (copy === null || machine.read(`${directory}/${drillAside.mark}`) !== sha256Hex(copy)) return copy;
  return machine.readBytes(`${directory}/${drillAside.directory}/${collectionFiles.evidence}`, documentBytesMax);
}

/**
 * The newest of the chain that was written last, in its own order: that of time would have those of a clock that was ahead
 * come last for as long as they are kept.
 */
function recentOf(names: readonly string[], copy: Document['place'], count: number): readonly string[] {
  const chain = copy?.chain.slice(0, chainDigits) ?? archived.exec(names.at(-1) ?? '')?.[1];
  return names
    .filter((name) => archived.exec(name)?.[1] === chain)
    .sort((left, right) => Number(archived.exec(left)?.[2]) - Number(archived.exec(right)?.[2]))
    .slice(-count);
}

function readDocument(machine: Machine, archive: string, name: string): Document {
  const path = `${archive}/${name}`;
  const bytes = machine.readBytes(path, documentBytesMax) ?? new Uint8Array();
  return { name, bytes, sha256: sha256Hex(bytes), place: placeOf(path, bytes) };
}

function placeOf(path: string, bytes: Uint8Array): Document['place'] {
  try {
    const { sequence, previousSha256, collectedAt, chain } = objectOf(path, new TextDecoder().decode(bytes));
    const atMs = typeof collectedAt === 'string' ? Date.parse(collectedAt) : Number.NaN;
    if (!Number.isSafeInteger(sequence) || typeof chain !== 'string' || Number.isNaN(atMs)) return null;
    return { sequence: sequence as number, previousSha256, chain, atMs };
  } catch (error) {
    if (error instanceof ProbeError) return null;
    throw error;
  }
}

/** A reinstalled host begins a chain of its own, visibly. */
function chainViolations(documents: readonly Document[]): Violation[] {
  const violations: Violation[] = documents
    .filter(({ place }) => place === null)
    .map(({ name }) => ({ what: 'unreadable', subject: name }));
  let last: { readonly sequence: number; readonly sha256: string } | null = null;
  for (const { name, place, sha256 } of documents) {
    if (place === null) continue;
    const { sequence, previousSha256 } = place;
    if (last && sequence !== last.sequence + 1)
      violations.push({ what: 'gap', subject: name, observed: sequence, expected: last.sequence + 1 });
    else if (last && previousSha256 !== last.sha256) violations.push({ what: 'broken-chain', subject: name });
    last = { sequence, sha256 };
  }
  return violations;
}

/** The copy at the fixed place is of a document that the archive still has. */
function copyViolations(copy: Uint8Array | null, documents: readonly Document[]): Violation[] {
  if (copy === null) return [];
  const sha256 = sha256Hex(copy);
  return documents.some((document) => document.sha256 === sha256)
    ? []
    : [{ what: 'missing', subject: collectionFiles.evidence, observed: sha256 }];
}

/** Only since the running system was activated: before, the machine was off, or nothing was to be collected. */
function ageViolations(machine: Machine, newest: Document | null, maxAgeSeconds: number): Violation[] {
  const activatedMs = machine.status('/run/current-system')?.modifiedMs ?? 0;
  const collectedMs = newest?.place?.atMs ?? 0;
  const silentSeconds = Math.round((machine.nowMs - Math.max(activatedMs, collectedMs)) / 1000);
  const subject = newest?.name ?? 'no document';
  if (newest?.place && collectedMs > machine.nowMs + aheadSecondsMax * 1000)
    return [{ what: 'future', subject, observed: Math.round((collectedMs - machine.nowMs) / 1000), expected: 0 }];
  if (silentSeconds > maxAgeSeconds)
    return [{ what: 'old', subject, observed: silentSeconds, expected: maxAgeSeconds }];
  return [];
}

async function signatureViolations(
  machine: Machine,
  path: string,
  { name, bytes }: Document,
  { publicKey, keyFile }: { readonly publicKey: readonly string[]; readonly keyFile: string },
): Promise<Violation[]> {
  const declared = publicKey.map((line) => keyOf('--public-key', line));
  const ownLine = machine.read(keyFile, signatureBytesMax);
  const own = ownLine === null ? null : keyOf(keyFile, ownLine);
  const keys = declared.length > 0 ? declared : own === null ? [] : [own];
  if (keys.length === 0) throw new ProbeError('unreadable', `${keyFile}: there is none, and no key is declared`);
  const violations: Violation[] = [];
  if (own !== null && !keys.some((key) => isSame(key, own)))
    violations.push({ what: 'undeclared-key', subject: keyFile });
  const sig = machine.read(`${path}.sig`, signatureBytesMax);
  if (sig === null || machine.status(`${path}.sshsig`) === null)
    return [...violations, { what: 'unsigned', subject: name }];
  const raw = decodeBase64(sig.trim());
  const verified = await Promise.all(keys.map(async (key) => raw?.length === 64 && nodeCrypto.verify(key, bytes, raw)));
  return verified.includes(true) ? violations : [...violations, { what: 'bad-signature', subject: name }];
}

function keyOf(where: string, line: string): Exclude<PublicKey, { readonly algorithm: 'sk-ssh-ed25519' }> {
  const key = parseOpensshPublicLine(line.trim());
  if (key === null || key.algorithm === 'sk-ssh-ed25519')
    throw new ProbeError('malformed', `${where}: expected the public key of a host, as OpenSSH writes it`);
  return key;
}

function isSame(one: PublicKey, other: PublicKey): boolean {
  return one.algorithm === other.algorithm && Buffer.from(one.raw).equals(other.raw);
}
