import {
  importsOf,
  isTestOrTool,
  lineAt,
  packageOf,
  type Rule,
  type SourceFile,
  type Violation,
  violationsOf,
} from './source-file.ts';

/** Packages that run unchanged in Node and in a browser, hence touch neither. */
const PURE = ['contracts', 'engine', 'evidence'];

/** Where they meet a platform: the adapters of the ports Crypto, Clock and Random. */
const PLATFORM_ADAPTERS: ReadonlyMap<string, RegExp> = new Map([
  ['packages/contracts/src/node-clock.ts', /^/],
  ['packages/contracts/src/node-crypto.ts', /^/],
  ['packages/contracts/src/node-random.ts', /^/],
  ['packages/contracts/src/web-crypto.ts', /^(?:globalThis|crypto)/],
]);

const PLATFORM =
  /(?<![\w$.])(?:Buffer|process|console|require|XMLHttpRequest|WebSocket|__dirname)\b(?!\s*[:?])|(?<![\w$.])(?:fetch\s*\(|crypto\s*\.\s*(?:subtle|getRandomValues|randomUUID)\b|globalThis\b)/g;

const CLOCK =
  /(?<![\w$])(?:Date\.now|performance\.now|process\.hrtime|process\.uptime|Temporal\.Now)\b|\bnew\s+Date\s*\(\s*\)|\bnew\s+Date\b(?!\s*\()|(?<![\w$.])(?:setTimeout|setInterval|setImmediate)\b(?!\s*[:?])|\bglobalThis\.set(?:Timeout|Interval|Immediate)\b|\bAbortSignal\.timeout\b/g;

const RANDOM =
  /\bMath\.random\b|(?<![\w$])(?:randomUUID|randomBytes|randomInt|randomFill(?:Sync)?|getRandomValues)\b(?!\s*[:?])/g;

const TIMERS_MODULE = /^(?:node:)?timers(?:\/promises)?$/;
const NODE_MODULE = /^node:/;

/** Adapters of the ports `Clock` and `Random`, by name: `system-clock.ts`, `clock.ts`, `system-random.ts`. */
function isAdapterOf(path: string, port: 'clock' | 'random'): boolean {
  return new RegExp(`(?:^|[/-])${port}\\.ts$`).test(path);
}

function isProgramSource({ path }: SourceFile): boolean {
  return packageOf(path) !== undefined && path.includes('/src/') && !isTestOrTool(path);
}

/** Contracts, engine and evidence know no platform. */
export const noPlatform: Rule = (files) =>
  files
    .filter((file) => PURE.includes(packageOf(file.path) ?? '') && isProgramSource(file))
    .flatMap((file) => {
      const message = 'contracts, engine and evidence run in Node and in browsers: take a port instead';
      const allowed = PLATFORM_ADAPTERS.get(file.path);
      const found = [
        ...violationsOf(file, { rule: 'no-platform', pattern: PLATFORM, view: 'code', message }),
        ...importViolations(file, NODE_MODULE, 'no-platform', message),
      ];
      return found.filter((violation) => !allowed?.test(violation.message));
    });

/** Time comes from the Clock port, so that a test and a simulation decide what time it is. */
export const noClock: Rule = (files) =>
  files
    .filter((file) => isProgramSource(file) && !isAdapterOf(file.path, 'clock'))
    .flatMap((file) => {
      const message = 'time and timers come from the Clock port';
      return [
        ...violationsOf(file, { rule: 'no-clock', pattern: CLOCK, view: 'code', message }),
        ...importViolations(file, TIMERS_MODULE, 'no-clock', message),
      ];
    });

/** Randomness comes from the Random port, so that a simulation repeats. */
export const noRandom: Rule = (files) =>
  files
    .filter((file) => isProgramSource(file) && !isAdapterOf(file.path, 'random'))
    .flatMap((file) =>
      violationsOf(file, {
        rule: 'no-random',
        pattern: RANDOM,
        view: 'code',
        message: 'randomness comes from the Random port',
      }),
    );

function importViolations(file: SourceFile, pattern: RegExp, rule: string, message: string): Violation[] {
  return importsOf(file)
    .filter(({ specifier }) => pattern.test(specifier))
    .map(({ specifier, offset }) => ({
      path: file.path,
      line: lineAt(file.text, offset),
      rule,
      message: `'${specifier}': ${message}`,
    }));
}
