import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf } from './code-view.ts';

/** A file of the repository. `path` is relative to its root, with forward slashes. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
  /** TypeScript only: `text` with comments and the insides of strings blanked, offsets and lines kept. Else empty. */
  readonly code: string;
}

export interface Violation {
  readonly path: string;
  readonly line: number;
  readonly rule: string;
  readonly message: string;
}

/** A house rule: reads all files at once, so that it can compare them, and returns every place that breaks it. */
export type Rule = (files: readonly SourceFile[]) => Violation[];

/** An import, a dynamic import or a re-export. */
export interface Import {
  readonly specifier: string;
  readonly offset: number;
}

const BINARY = /\.(png|jpg|ico|gif|woff2?|nar|gz|xz|zst)$/;
const IMPORT = /(?<![\w$.])(?:from\s*|import\s*\(?\s*)(['"`])/g;

export function sourceFile(path: string, text: string): SourceFile {
  return { path, text, code: /\.tsx?$/.test(path) ? codeOf(text) : '' };
}

/** Every file git tracks or would track; deleted ones are left out. */
export function repositoryFiles(root: string): SourceFile[] {
  const listed = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '-z'], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  const files: SourceFile[] = [];
  for (const path of new Set(listed.split('\0'))) {
    if (path === '' || BINARY.test(path)) continue;
    const text = readIfThere(join(root, path));
    if (text !== undefined) files.push(sourceFile(path, text));
  }
  return files;
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    // ENOENT: deleted but still in the index. EISDIR: a symbolic link to a directory.
    if (code === 'ENOENT' || code === 'EISDIR') return undefined;
    throw error;
  }
}

export function lineAt(text: string, offset: number): number {
  let line = 1;
  for (let at = text.indexOf('\n'); at !== -1 && at < offset; at = text.indexOf('\n', at + 1)) line += 1;
  return line;
}

export function importsOf(file: SourceFile): Import[] {
  return [...file.code.matchAll(IMPORT)].map((match) => {
    const start = match.index + match[0].length;
    const end = file.text.indexOf(match[1] as string, start);
    return { specifier: file.text.slice(start, end), offset: match.index };
  });
}

/** All matches of `pattern` in `view`, as violations. */
export function violationsOf(
  file: SourceFile,
  { rule, pattern, view, message }: { rule: string; pattern: RegExp; view: 'code' | 'text'; message: string },
): Violation[] {
  return [...file[view].matchAll(pattern)].map((match) => ({
    path: file.path,
    line: lineAt(file.text, match.index),
    rule,
    message: `${match[0].trim()}: ${message}`,
  }));
}

/** The package a file belongs to, by folder; undefined outside `packages/`. */
export function packageOf(path: string): string | undefined {
  return /^packages\/([^/]+)\//.exec(path)?.[1];
}

/** Tests and what only tests, benchmarks or the demo's runner load. */
export function isTestOrTool(path: string): boolean {
  return /\.test\.tsx?$/.test(path) || /^(tests|bench|demo|scripts)\//.test(path);
}
