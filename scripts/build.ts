// Builds what is shipped, under dist/:
//
//   nixfleet     launcher, finds Node 24 and starts lib/main.js; nixfleet-probe the same for lib/probe.js
//   lib/         the programs below, split so that a command loads only its own code
//   share/nix    the declarative half, share/demo the reference fleet's template
//
// It is built aside and moved into place, so that a failed build leaves the last one whole.
import { chmod, cp, mkdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';
import { bundleOptions, nodeFlags } from './bundle-options.ts';

const ROOT = join(import.meta.dirname, '..');
const DIST = join(ROOT, 'dist');
const STAGE = join(DIST, `.stage-${process.pid}`);

/** Programs that are started by path. Those whose package has no such file yet are left out. */
const PROGRAMS = [
  { out: 'main', source: 'packages/cli/src/main.ts' },
  { out: 'probe', source: 'packages/probes/src/probe-main.ts' },
  { out: 'dead-man', source: 'packages/agent/src/dead-man-main.ts' },
  { out: 'evaluate-worker', source: 'packages/release/src/evaluate-worker.ts' },
  { out: 'packet-worker', source: 'packages/cli/src/packet/host-worker-main.ts' },
  { out: 'demo', source: 'demo/main.ts' },
] as const;

/** Files shipped as they are. */
const DATA = [
  { out: 'nix', source: 'nix' },
  { out: 'demo', source: 'demo/template' },
] as const;

const FIND_NODE = `#!/bin/sh
# Starts it with $NIXFLEET_NODE, a node of version 24 or newer on the PATH, or the one of the checkout around this file.
set -eu
here=$(dirname -- "$(readlink -f -- "$0")")
node=\${NIXFLEET_NODE:-}
if [ -z "$node" ] && node=$(command -v node); then
  version=$("$node" --version 2>/dev/null) || version=v0
  major=\${version#v}
  [ "\${major%%.*}" -ge 24 ] 2>/dev/null || node=
fi
if [ -z "$node" ]; then
  case $(uname -m) in x86_64) arch=x64 ;; *) arch=arm64 ;; esac
  node=$here/../node_modules/node-linux-$arch/bin/node
  if [ ! -x "$node" ]; then
    echo 'nixfleet: Node 24 or newer is needed; put it on the PATH or name it in NIXFLEET_NODE' >&2
    exit 1
  fi
fi
`;

const LAUNCHERS: Readonly<Record<string, string>> = {
  nixfleet: `case "\${1:-} \${2:-}" in
  'agent run') flags='${nodeFlags.agent.join(' ')}' ;;
  'control-plane run') flags='${nodeFlags.controlPlane.join(' ')}' ;;
  *) flags= ;;
esac
exec "$node" --disable-warning=ExperimentalWarning $flags "$here/lib/main.js" "$@"
`,
  'nixfleet-probe': `exec "$node" ${nodeFlags.probe.join(' ')} "$here/lib/probe.js" "$@"
`,
};

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return false;
      throw error;
    },
  );
}

async function bundlePrograms(): Promise<void> {
  const present: { in: string; out: string }[] = [];
  for (const { out, source } of PROGRAMS) {
    if (await isThere(join(ROOT, source))) present.push({ in: join(ROOT, source), out });
  }
  if (!present.some(({ out }) => out === 'main')) throw new Error(`${PROGRAMS[0].source} is missing: nothing to build`);
  await build({
    absWorkingDir: ROOT,
    entryPoints: present,
    outdir: join(STAGE, 'lib'),
    ...bundleOptions,
    splitting: true,
    sourcemap: 'linked',
    sourcesContent: false,
  });
  await writeFile(join(STAGE, 'lib', 'package.json'), '{"type":"module"}\n');
}

async function copyData(): Promise<void> {
  await mkdir(join(STAGE, 'share'), { recursive: true });
  for (const { out, source } of DATA) {
    if (await isThere(join(ROOT, source))) await cp(join(ROOT, source), join(STAGE, 'share', out), { recursive: true });
  }
}

async function moveIntoPlace(): Promise<void> {
  for (const name of ['lib', 'share', ...Object.keys(LAUNCHERS)]) {
    const place = join(DIST, name);
    const previous = join(STAGE, `previous-${name}`);
    if (await isThere(place)) await rename(place, previous);
    await rename(join(STAGE, name), place);
  }
}

await rm(STAGE, { recursive: true, force: true });
await mkdir(STAGE, { recursive: true });
try {
  await bundlePrograms();
  await copyData();
  for (const [name, start] of Object.entries(LAUNCHERS)) {
    await writeFile(join(STAGE, name), FIND_NODE + start);
    await chmod(join(STAGE, name), 0o755);
  }
  await moveIntoPlace();
} finally {
  await rm(STAGE, { recursive: true, force: true });
}
