import { ProbeError } from '../errors.ts';
import { probe, type Violation } from '../probe.ts';
import { sha256Hex } from '../sha256.ts';

const fileBytesMax = 64 * 1024 * 1024;

export const fileHashes = probe({
  name: 'file-hashes',
  summary: "that files are what they were released as: the closure's SBOM and provenance",
  arguments: { expect: { kind: 'list', what: '`/path=sha256`, hexadecimal' } },
  facts: { checked: 'files that were hashed' },
  violations: ['nothing-declared', 'missing', 'hash'],
  root: null,
  measure(machine, { expect }) {
    const violations: Violation[] = expect.length === 0 ? [{ what: 'nothing-declared', subject: '--expect' }] : [];
    let checked = 0;
    for (const one of expect) {
      const [, path, wanted] = /^(\/.*)=([0-9a-f]{64})$/.exec(one) ?? [];
      if (path === undefined || wanted === undefined)
        throw new ProbeError('bad-arguments', `--expect: expected /path=sha256, got ${one}`);
      const bytes = machine.readBytes(path, fileBytesMax);
      if (bytes === null) {
        violations.push({ what: 'missing', subject: path });
        continue;
      }
      checked++;
      const observed = sha256Hex(bytes);
      if (observed !== wanted) violations.push({ what: 'hash', subject: path, observed, expected: wanted });
    }
    return { facts: { checked }, violations };
  },
});
