import { ProbeError } from '../errors.ts';
import { objectOf } from '../json-object.ts';
import { probe, type Violation } from '../probe.ts';
import { sha256Hex } from '../sha256.ts';

const documentsMax = 20_000;
const documentBytesMax = 1024 * 1024;

export const evidenceIntegrity = probe({
  name: 'evidence-integrity',
  summary: 'that evidence was collected lately, its chain has no gap, and there is room for more',
  arguments: {
    directory: { kind: 'text', what: 'folder of the evidence documents' },
    maxAgeSeconds: { kind: 'number', what: 'oldest that the newest may be, in seconds' },
    freePercentMin: { kind: 'number', what: 'least free space, in percent', default: 5 },
    recent: { kind: 'number', what: 'how many of the newest are read', default: 64 },
  },
  facts: {
    documents: 'documents that were read',
    newestSequence: 'sequence of the newest; null: none',
    ageSeconds: 'its age in seconds; null: none',
    freePercent: 'free space of their file system, in percent',
  },
  violations: ['none', 'old', 'gap', 'broken-chain', 'space', 'future', 'unsigned'],
  root: 'evidence of the agent',
  measure(machine, { directory, maxAgeSeconds, freePercentMin, recent }) {
    const names = (machine.list(directory) ?? []).filter((name) => name.endsWith('.json'));
    if (names.length > documentsMax)
      throw new ProbeError('oversized', `${directory}: more than ${documentsMax} documents`);
    const violations: Violation[] = [];
    const documents = names
      .map((name) => ({ name, number: Number(/(\d+)\.json$/.exec(name)?.[1] ?? Number.NaN) }))
      .filter(({ number }) => Number.isSafeInteger(number))
      .sort((a, b) => a.number - b.number)
      .slice(-Math.max(1, recent))
      .map(({ name }) => {
        const path = `${directory}/${name}`;
        const bytes = machine.readBytes(path, documentBytesMax) ?? new Uint8Array();
        const { sequence, previousSha256, collectedAt, chain = null } = objectOf(path, new TextDecoder().decode(bytes));
        const atMs = typeof collectedAt === 'string' ? Date.parse(collectedAt) : Number.NaN;
        if (!Number.isSafeInteger(sequence) || Number.isNaN(atMs))
          throw new ProbeError('malformed', `${path}: expected sequence and collectedAt`);
        if (machine.status(path.replace(/\.json$/, '.sig')) === null && machine.status(`${path}.sig`) === null)
          violations.push({ what: 'unsigned', subject: name });
        return { name, sequence: sequence as number, previousSha256, atMs, chain, sha256: sha256Hex(bytes) };
      });
    for (const [at, one] of documents.entries()) {
      const before = documents[at - 1];
      // A reinstalled host begins a chain of its own, visibly.
      if (!before || before.chain !== one.chain) continue;
      if (one.sequence !== before.sequence + 1)
        violations.push({ what: 'gap', subject: one.name, observed: one.sequence, expected: before.sequence + 1 });
      else if (one.previousSha256 !== before.sha256) violations.push({ what: 'broken-chain', subject: one.name });
    }
    const newest = documents.at(-1);
    const ageSeconds = newest ? Math.round((machine.nowMs - newest.atMs) / 1000) : null;
    if (ageSeconds === null) violations.push({ what: 'none', subject: directory });
    else if (ageSeconds > maxAgeSeconds)
      violations.push({ what: 'old', subject: newest?.name ?? '', observed: ageSeconds, expected: maxAgeSeconds });
    else if (ageSeconds < -60) violations.push({ what: 'future', subject: newest?.name ?? '', observed: ageSeconds });
    const { freeBytes, totalBytes } = machine.status(directory)
      ? machine.space(directory)
      : { freeBytes: 0, totalBytes: 1 };
    const freePercent = Math.floor((100 * freeBytes) / Math.max(1, totalBytes));
    if (freePercent < freePercentMin)
      violations.push({ what: 'space', subject: directory, observed: freePercent, expected: freePercentMin });
    return {
      facts: { documents: documents.length, newestSequence: newest?.sequence ?? null, ageSeconds, freePercent },
      violations,
    };
  },
});
