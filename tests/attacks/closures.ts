import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { cachedPaths, copyWithout, corruptCopy, signedNarinfo } from '../loop/harness/corrupt-cache.ts';
import { type Endless, pourWithoutEnd } from '../loop/harness/hostile-archive.ts';
import { onAll } from '../loop/harness/lab.ts';
import type { Attack, TufName } from './attack.ts';
import type { AttackLab } from './attack-lab.ts';

/**
 * An honest release of a version that the hosts have never had, while the cache is somebody else's: `spoil` makes the copy
 * that it serves from then on. What the victim refuses is read from its journal; the honest cache is back afterwards.
 */
function poisoned(
  title: string,
  reason: string,
  version: string,
  spoil: (lab: AttackLab, dependency: string) => string,
  { tuf, ...refusal }: { readonly tuf?: TufName; readonly detail?: RegExp; readonly seconds?: number } = {},
): Attack {
  return {
    title,
    owns: ['cache and its key'],
    ...(tuf && { tuf }),
    refusedBy: 'agent',
    reason: `closure: ${reason}`,
    async attempt(lab) {
      const closure = await lab.lab.system(version);
      const [dependency] = cachedPaths(lab.lab.server.directory, `app-${version}`);
      if (!dependency) throw new Error(`no path app-${version} in the cache`);
      const copy = spoil(lab, dependency);
      lab.lab.server.directory = copy;
      // Shown to the victim alone, in the first wave: the canary is not its witness here.
      const tree = await lab.signNext((next) => {
        onAll(closure)(next);
        next.channels.stable?.waves.reverse();
      });
      await lab.offer({ tree, go: await lab.go() });
      const got = await lab.refusedClosure(refusal);
      assertRoom(lab);
      await lab.lab.sign((next) => {
        next.channels.stable?.waves.reverse();
      });
      rmSync(copy, { recursive: true, force: true });
      return got;
    },
  };
}

/** Most that the store and the cache of Nix's own may have grown to, in bytes: a few systems of some kilobytes. */
const storeBytesMax = 512 * 2 ** 20;

function assertRoom(lab: AttackLab): void {
  const [bytes = ''] = execFileSync('du', ['--bytes', '--summarize', lab.victim.directory], { encoding: 'utf8' }).split(
    '\t',
  );
  assert.ok(Number(bytes) < storeBytesMax, `the victim keeps ${bytes} bytes`);
}

/** A cache that answers for the archive of a path, or for its description, and does not come to an end. */
function endless(title: string, what: Endless, tuf: TufName, detail: RegExp): Attack {
  const spoil = (lab: AttackLab, dependency: string): string => {
    const compression = what === 'compressed archive' ? 'gzip' : 'none';
    const asked = what === 'description' ? narinfoName(dependency) : endlessName;
    lab.lab.server.answer = (name, response) => {
      if (name !== asked) return false;
      pourWithoutEnd(response, what);
      return true;
    };
    return withNarinfo(lab, dependency, (text) =>
      text.replace(/^URL: .*$/m, `URL: ${endlessName}`).replace(/^Compression: .*$/m, `Compression: ${compression}`),
    );
  };
  const version = `endless-${what.replaceAll(' ', '-')}`;
  return poisoned(title, 'closure-unavailable', version, spoil, { tuf, detail, seconds: 90 });
}

const endlessName = 'nar/endless.nar';

/** Rewrites the narinfo of one path in a copy of the cache. */
function withNarinfo(lab: AttackLab, storePath: string, change: (text: string) => string): string {
  const copy = copyWithout(lab.lab.cache, storePath);
  const name = narinfoName(storePath);
  const honest = readFileSync(join(lab.lab.cache.directory, 'cache', name), 'utf8');
  writeFileSync(join(copy, name), change(honest));
  return copy;
}

function narinfoName(storePath: string): string {
  return `${storePath.slice('/nix/store/'.length, '/nix/store/'.length + 32)}.narinfo`;
}

/** Attacks on what is run, by whoever serves closures or can write to the store. */
export const closureAttacks: readonly Attack[] = [
  poisoned(
    'a dependency with other contents, signed with the cache’s own key',
    'closure-digest-mismatch',
    'poisoned',
    (lab, dependency) => corruptCopy(lab.lab.cache, dependency),
  ),
  poisoned('a dependency without a signature', 'closure-unsigned', 'unsigned', (lab, dependency) =>
    withNarinfo(lab, dependency, (text) => text.replace(/^Sig: .*\n/gm, '')),
  ),
  poisoned(
    'a dependency signed with a key that trust does not name',
    'closure-unsigned',
    'other-key',
    (lab, dependency) => withNarinfo(lab, dependency, (text) => text.replace(/^Sig: [^:]*:/gm, 'Sig: mallory:')),
  ),
  poisoned('a dependency that the cache withholds', 'closure-unavailable', 'withheld', (lab, dependency) =>
    copyWithout(lab.lab.cache, dependency),
  ),
  poisoned(
    'a description of a dependency whose archive lies outside the cache',
    'closure-unavailable',
    'outside',
    (lab, dependency) =>
      withNarinfo(lab, dependency, (text) => text.replace(/^URL: .*$/m, 'URL: ../../../../../../etc/passwd')),
  ),
  poisoned('an archive that is cut short', 'closure-unavailable', 'cut', (lab, dependency) => {
    const copy = withNarinfo(lab, dependency, (text) => text.replace(/^URL: .*$/m, 'URL: nar/cut.nar.xz'));
    writeFileSync(join(copy, 'nar/cut.nar.xz'), 'not an archive');
    return copy;
  }),
  endless(
    'an archive without end: given up where it is longer than its description says',
    'archive',
    'endless data',
    /expected the \d+ bytes that the cache says it has, got more/,
  ),
  endless(
    'a small archive that unpacks without end',
    'compressed archive',
    'endless data',
    /expected the \d+ bytes that the cache says it has, got more/,
  ),
  endless(
    'a description of a path that does not end',
    'description',
    'endless data',
    /narinfo: expected at most \d+ bytes, got more/,
  ),
  endless(
    'an archive that comes a byte now and then',
    'dripping archive',
    'slow retrieval',
    /less than \d+ bytes came in \d+ s/,
  ),
  poisoned(
    'a description, rightly signed, of more than was signed for the whole closure',
    'closure-unavailable',
    'too-large',
    (lab, dependency) =>
      withNarinfo(lab, dependency, (text) => signedNarinfo(lab.lab.cache, text, { NarSize: String(3 * 2 ** 30) })),
    { tuf: 'endless data', detail: /3\d\d\d MiB are missing, of a closure signed to have 1 MiB/ },
  ),
  {
    title: 'a path that changed in place on the host’s disk, and that the cache no longer repairs',
    owns: ['cache and its key'],
    refusedBy: 'agent',
    reason: 'closure: closure-digest-mismatch',
    async attempt(lab) {
      const [linux] = cachedPaths(lab.lab.server.directory, 'linux-');
      if (!linux) throw new Error('no kernel in the cache');
      const image = lab.victim.locate(`${linux}/bzImage`);
      const honest = readFileSync(image);
      chmodSync(dirname(image), 0o755);
      chmodSync(image, 0o644);
      writeFileSync(image, 'Linux with a back door\n');
      const copy = copyWithout(lab.lab.cache, linux);
      lab.lab.server.directory = copy;
      const tree = await lab.signNext((next) => {
        next.channels.stable?.waves.reverse();
      });
      await lab.offer({ tree, go: await lab.go() });
      const got = await lab.refusedClosure();
      await lab.lab.sign((next) => {
        next.channels.stable?.waves.reverse();
      });
      writeFileSync(image, honest);
      chmodSync(image, 0o444);
      chmodSync(dirname(image), 0o555);
      rmSync(copy, { recursive: true, force: true });
      return got;
    },
  },
];
