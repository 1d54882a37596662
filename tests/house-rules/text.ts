import { isTestOrTool, type Rule, violationsOf } from './source-file.ts';

/** Lines a source file may have. Past it, look for the second concept. */
export const SOURCE_LINES_MAX = 400;

/** Files that may be longer, and why. */
const LONGER: ReadonlyMap<string, string> = new Map([]);

const SOURCE = /\.(?:tsx?|mjs|nix|sh)$/;
const NAMELESS = /(?:^|[-.])(?:utils?|common|helpers?|misc)$/;

// Written so that this file does not break its own rules.
const UNFINISHED = new RegExp(`\\b(?:TO${'DO'}|FIX${'ME'}|XX${'X'})\\b`, 'g');
const MACHINE_PATH = new RegExp(`(?<![\\w.~$}/-])/(?:wo${'rk'}|ho${'me'}|Us${'ers'})/[a-z][\\w-]*`, 'g');

const EXIT = /\bprocess\s*\.\s*(?:exit|abort|reallyExit)\b/g;
const DEFAULT_EXPORT = /\bexport\s+default\b|\bexport\s*\{[^}]*\bas\s+default\b/g;
const RE_EXPORT = /\bexport\s+(?:type\s+)?(?:\*(?:\s*as\s+[\w$]+)?|\{[^}]*\})\s*from\b/g;
const FOCUSED = /\.(?:only|skip|todo)\s*\(|[{,]\s*(?:only|skip|todo)\s*:\s*true\b/g;

const rule = (
  name: string,
  pattern: RegExp,
  view: 'code' | 'text',
  message: string,
  applies: (path: string) => boolean,
): Rule => {
  return (files) =>
    files
      .filter(({ path }) => applies(path))
      .flatMap((file) => violationsOf(file, { rule: name, pattern, view, message }));
};

/** Only a program ends the process: everything else returns, throws or is disposed. */
export const noExit = rule(
  'no-exit',
  EXIT,
  'code',
  'only a program (main.ts, *-main.ts, worker.ts, *-worker.ts) ends the process',
  (path) => !isTestOrTool(path) && !/^packages\/cli\/src\/main\.ts$|-main\.ts$|[-/]worker\.ts$/.test(path),
);

export const noDefaultExport = rule('no-default-export', DEFAULT_EXPORT, 'code', 'named exports only', () => true);

export const noReExport = rule(
  'no-re-export',
  RE_EXPORT,
  'code',
  "only a package's src/index.ts re-exports",
  (path) => !/^packages\/[^/]+\/src\/index\.ts$/.test(path),
);

/** A focused or skipped test looks like a passing suite. */
export const noFocusedTests = rule('no-focused-tests', FOCUSED, 'code', 'every test runs', (path) =>
  /\.test\.tsx?$/.test(path),
);

export const noUnfinished = rule(
  'no-unfinished',
  UNFINISHED,
  'text',
  'finish it, or open an issue',
  (path) => !path.endsWith('package-lock.json'),
);

export const noMachinePaths = rule(
  'no-machine-paths',
  MACHINE_PATH,
  'text',
  "a path of somebody's machine",
  (path) => !path.endsWith('package-lock.json'),
);

/** A file is named after its concept. */
export const noNamelessFiles: Rule = (files) =>
  files
    .filter(({ path }) => SOURCE.test(path))
    .filter(({ path }) => path.split('/').some((part) => NAMELESS.test(part.replace(/(?:\.test)?\.\w+$/, ''))))
    .map(({ path }) => ({ path, line: 1, rule: 'no-nameless-files', message: 'name it after what is in it' }));

export const noLongFiles: Rule = (files) =>
  files.flatMap(({ path, text }) => {
    const lines = text.split('\n').length - (text.endsWith('\n') ? 1 : 0);
    if (!SOURCE.test(path) || lines <= SOURCE_LINES_MAX || LONGER.has(path)) return [];
    const message = `${lines} lines, ${SOURCE_LINES_MAX} are allowed: look for the second concept`;
    return [{ path, line: SOURCE_LINES_MAX + 1, rule: 'no-long-files', message }];
  });
