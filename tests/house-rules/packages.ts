import { posix } from 'node:path';
import {
  type Import,
  importsOf,
  lineAt,
  packageOf,
  type Rule,
  type SourceFile,
  type Violation,
} from './source-file.ts';

/** Which packages a package may import at run time: the arrows of the architecture. */
const ARROWS: ReadonlyMap<string, readonly string[]> = new Map([
  ['contracts', []],
  ['engine', ['contracts']],
  ['evidence', ['contracts']],
  ['release', ['contracts', 'engine', 'evidence']],
  ['control-plane', ['contracts', 'engine', 'evidence']],
  ['probes', ['contracts']],
  ['agent', ['contracts', 'engine', 'evidence', 'probes']],
  ['cli', ['contracts', 'engine', 'evidence', 'release', 'control-plane', 'agent', 'probes']],
  ['dashboard', ['contracts', 'engine']],
  ['testkit', ['contracts', 'evidence']],
  ['simulation', ['contracts', 'engine', 'evidence', 'release', 'control-plane', 'agent', 'testkit']],
]);

/**
 * Packages whose dependencies from outside are part of the design: the agent runs as root on every host, engine decides
 * and nothing else, and contracts and evidence run in a browser too.
 */
const OUTSIDE: ReadonlyMap<string, readonly string[]> = new Map([
  ['agent', ['zod']],
  ['contracts', ['zod']],
  ['engine', []],
  ['evidence', ['zod']],
  ['probes', []],
]);

const SCOPE = '@nixfleet/';
const EXACT_VERSION = /^\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?$/;
const PINNED_SECTIONS = ['dependencies', 'devDependencies', 'optionalDependencies', 'peerDependencies'] as const;

interface Manifest {
  readonly exports?: Readonly<Record<string, unknown>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

function manifestsOf(files: readonly SourceFile[]): Map<string, Manifest> {
  const found = new Map<string, Manifest>();
  for (const { path, text } of files) {
    const name = /^packages\/([^/]+)\/package\.json$/.exec(path)?.[1];
    if (name !== undefined) found.set(name, JSON.parse(text) as Manifest);
  }
  return found;
}

function isOwn(specifier: string): boolean {
  return specifier.startsWith(SCOPE);
}

/** `@nixfleet/contracts/node-crypto` → contracts, ./node-crypto. */
function splitOwn(specifier: string): { name: string; subpath: string } {
  const [name = '', ...rest] = specifier.slice(SCOPE.length).split('/');
  return { name, subpath: ['.', ...rest].join('/') };
}

function outsideName(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

function isTest(path: string): boolean {
  return path.endsWith('.test.ts') || path.endsWith('.test.tsx');
}

/** Imports follow the arrows; tests may use the testkit too, but a package below the testkit stays below it. */
export const arrows: Rule = (files) =>
  files.flatMap((file) => {
    const from = packageOf(file.path);
    if (from === undefined) return [];
    const allowed = [...(ARROWS.get(from) ?? []), from, ...(isTest(file.path) ? ['testkit'] : [])];
    return importsOf(file)
      .filter(({ specifier }) => isOwn(specifier) && !allowed.includes(splitOwn(specifier).name))
      .map((found) => violation(file, found, 'arrows', `${from} may import only ${allowed.join(', ')}`));
  });

/** What a package declares agrees with the arrows: its dependencies, and its TypeScript references. */
export const declaredArrows: Rule = (files) => {
  const manifests = manifestsOf(files);
  const out: Violation[] = [];
  for (const [name, manifest] of manifests) {
    const path = `packages/${name}/package.json`;
    const complain = (message: string, where = path): void => {
      out.push({ path: where, line: 1, rule: 'declared-arrows', message });
    };
    const allowed = ARROWS.get(name);
    if (allowed === undefined) {
      complain(`the architecture knows no package ${name}`);
      continue;
    }
    const declared = Object.keys(manifest.dependencies ?? {});
    const own = declared.filter(isOwn).map((dependency) => splitOwn(dependency).name);
    for (const dependency of own)
      if (!allowed.includes(dependency)) complain(`${name} may not depend on ${dependency}`);
    const outside = OUTSIDE.get(name);
    for (const dependency of declared) {
      if (outside !== undefined && !isOwn(dependency) && !outside.includes(dependency)) {
        complain(`${name} may take nothing from outside but ${outside.join(', ') || 'nothing'}, not ${dependency}`);
      }
    }
    const tsconfigPath = `packages/${name}/tsconfig.json`;
    const references = referencesOf(files.find(({ path: at }) => at === tsconfigPath)).filter((at) => at !== name);
    if (!sameSet(references, own)) {
      complain(`references ${references.join(', ')}; package.json depends on ${own.join(', ')}`, tsconfigPath);
    }
  }
  return out;
};

function referencesOf(tsconfig: SourceFile | undefined): string[] {
  if (tsconfig === undefined) return [];
  const { references = [] } = JSON.parse(tsconfig.text) as { references?: { path: string }[] };
  const targets = references.map(({ path }) => posix.join(posix.dirname(tsconfig.path), path, 'x'));
  return [...new Set(targets.map((path) => packageOf(path) ?? path))];
}

function sameSet(a: readonly string[], b: readonly string[]): boolean {
  return JSON.stringify([...new Set(a)].sort()) === JSON.stringify([...new Set(b)].sort());
}

/** A package is entered through what its `exports` declare, never by a path into its folder. */
export const noDeepImports: Rule = (files) => {
  const manifests = manifestsOf(files);
  return files.flatMap((file) =>
    importsOf(file).flatMap((found) => {
      const { specifier } = found;
      if (specifier.startsWith('.')) {
        const target = packageOf(posix.join(posix.dirname(file.path), specifier));
        if (target === undefined || target === packageOf(file.path)) return [];
        return [violation(file, found, 'no-deep-imports', `import ${SCOPE}${target} by name`)];
      }
      if (!isOwn(specifier)) return [];
      const { name, subpath } = splitOwn(specifier);
      if (Object.hasOwn(manifests.get(name)?.exports ?? {}, subpath)) return [];
      return [violation(file, found, 'no-deep-imports', `${SCOPE}${name} exports no ${subpath}`)];
    }),
  );
};

/** What a package imports from outside is in its own package.json; tests may use the workspace's devDependencies. */
export const declaredImports: Rule = (files) => {
  const manifests = manifestsOf(files);
  const rootText = files.find(({ path }) => path === 'package.json')?.text ?? '{}';
  const root = JSON.parse(rootText) as Manifest;
  const shared = Object.keys(root.devDependencies ?? {});
  return files.flatMap((file) => {
    const name = packageOf(file.path);
    if (name === undefined) return [];
    const declared = Object.keys(manifests.get(name)?.dependencies ?? {});
    return importsOf(file)
      .filter(({ specifier }) => !/^(?:\.|node:)/.test(specifier))
      .filter(({ specifier }) => {
        const dependency = outsideName(specifier);
        if (declared.includes(dependency) || dependency === `${SCOPE}${name}`) return false;
        return !(isTest(file.path) && (shared.includes(dependency) || dependency === `${SCOPE}testkit`));
      })
      .map((found) => violation(file, found, 'declared-imports', `not a dependency of packages/${name}`));
  });
};

/** Every dependency is pinned to one version, and the lockfile names no registry. */
export const exactPins: Rule = (files) =>
  files.flatMap((file) => {
    if (/(?:^|\/)package-lock\.json$/.test(file.path)) return lockedRegistries(file);
    if (!/(?:^|\/)package\.json$/.test(file.path)) return [];
    const manifest = JSON.parse(file.text) as Manifest;
    return PINNED_SECTIONS.flatMap((section) =>
      Object.entries(manifest[section] ?? {})
        .filter(([, version]) => !EXACT_VERSION.test(version))
        .map(([name, version]) => ({
          path: file.path,
          line: lineAt(file.text, file.text.indexOf(`"${name}"`)),
          rule: 'exact-pins',
          message: `${name} is ${version}: pin one version`,
        })),
    );
  });

function lockedRegistries(file: SourceFile): Violation[] {
  return [...file.text.matchAll(/"resolved": "(?:https?|git)[^"]*"/g)].map((match) => ({
    path: file.path,
    line: lineAt(file.text, match.index),
    rule: 'exact-pins',
    message: 'the lockfile names a registry: write it with omit-lockfile-registry-resolved',
  }));
}

/** The root tsconfig checks every package and every package's tests. */
export const everythingIsTyped: Rule = (files) => {
  const root = files.find(({ path }) => path === 'tsconfig.json');
  const { references = [] } = JSON.parse(root?.text ?? '{}') as { references?: { path: string }[] };
  const listed = new Set(references.map(({ path }) => (path.endsWith('.json') ? path : `${path}/tsconfig.json`)));
  return files
    .filter(({ path }) => /^packages\/[^/]+\/tsconfig(?:\.test)?\.json$/.test(path))
    .filter(({ path }) => !listed.has(path) && !(path.endsWith('.test.json') && !hasTests(files, packageOf(path))))
    .map(({ path }) => ({
      path,
      line: 1,
      rule: 'everything-is-typed',
      message: 'add it to the references of tsconfig.json, or make check passes it by',
    }));
};

function hasTests(files: readonly SourceFile[], name: string | undefined): boolean {
  return files.some(({ path }) => packageOf(path) === name && isTest(path));
}

function violation(file: SourceFile, found: Import, rule: string, message: string): Violation {
  return { path: file.path, line: lineAt(file.text, found.offset), rule, message: `'${found.specifier}': ${message}` };
}
