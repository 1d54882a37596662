/** Changes of the text of a rule, each of which makes another predicate of it: as a person would get it wrong. */
export interface TextMutant {
  /** Below nix/compliance/. */
  readonly file: string;
  readonly line: number;
  readonly what: string;
  /** The whole file, changed. */
  readonly text: string;
}

interface Change {
  readonly pattern: RegExp;
  readonly to: (found: string) => string;
}

const changes: readonly Change[] = [
  { pattern: /==/g, to: () => '!=' },
  { pattern: /!=/g, to: () => '==' },
  { pattern: /&&/g, to: () => '||' },
  { pattern: /\|\|/g, to: () => '&&' },
  { pattern: / >= /g, to: () => ' > ' },
  { pattern: / <= /g, to: () => ' < ' },
  { pattern: / > /g, to: () => ' >= ' },
  { pattern: / < /g, to: () => ' <= ' },
  { pattern: /\bany\b(?= \()/g, to: () => 'all' },
  { pattern: /\ball\b(?= \()/g, to: () => 'any' },
  { pattern: /!(?=[(a-z])/g, to: () => '' },
  { pattern: /\btrue\b/g, to: () => 'false' },
  { pattern: /\bfalse\b/g, to: () => 'true' },
  // A number alone: not one inside a name or a word.
  { pattern: /(?<![\w."$-])\d+(?![\w."-])/g, to: (found) => String(Number(found) + 1) },
  { pattern: /"[^"\n$]+"/g, to: (found) => `${found.slice(0, -1)}x"` },
];

/** Bindings of a control file that are no predicate: what an implementation sets, what a probe is asked, texts for people, ways to write. */
const notPredicates =
  /^ {2}(auditRules|set|sound|userFix|serviceConfig|valueOf|forBoth|fixRules|path|shown|noSelinux|selinux|parts|flow|listener|folder|url|line|days|pending|suggestion|upper|lower|measure\w*|sshAlgorithms|flowOf|atEveryInterface)\b.* =/;
/** Lines that hold what people read. */
const forPeople =
  /^\s*(isNote|option|what|fix|name|says|pattern|description|title|remediation|rule|inherit|tags)\b|#|throw |\bnote "/;
/** Before the label of a check, or of one of the things that it counts; what is read stands elsewhere. */
const label = /(?:\bwant|\bset|\bor|\bdefaultOption config) $/;
/** Behind the name of an attribute that is only shown. */
const shownName = /^"[^"]*" = "\.\*/;

/** Opens what people read, over as many lines as are indented below it. */
const opensForPeople = /\b(fix|lineFix|linesFor) =/;

/** The 0-based lines of a text for people that is worked out. */
function linesForPeople(lines: readonly string[]): ReadonlySet<number> {
  const found = new Set<number>();
  const indentOf = (line: string): number => line.search(/\S|$/);
  let opened: number | null = null;
  for (const [at, line] of lines.entries()) {
    const isInside: boolean =
      opened !== null && (indentOf(line) > opened || (indentOf(line) === opened && /^\s*\)/.test(line)));
    if (!isInside) opened = opensForPeople.test(line) && !/;( \}\)?;?)?$/.test(line) ? indentOf(line) : null;
    if (isInside) found.add(at);
  }
  return found;
}

/** The 0-based lines of a control file whose text decides: its helpers, and the static projections of its rules. */
function decidingLines(lines: readonly string[]): number[] {
  const found: number[] = [];
  let isDeciding = true;
  for (const [at, line] of lines.entries()) {
    if (/^(in|\{)/.test(line)) isDeciding = false;
    if (/^ {2}\S.*=/.test(line) && at < lines.indexOf('in')) isDeciding = !notPredicates.test(line);
    if (/^ {6}evaluate =/.test(line)) isDeciding = true;
    if (/^ {6}(implementations|remediation|unmeasured|check) =/.test(line)) isDeciding = false;
    if (isDeciding && !forPeople.test(line)) found.push(at);
  }
  return found;
}

/** The 0-based lines of a file that controls share: all but what makes texts for people. */
function sharedLines(lines: readonly string[]): number[] {
  const start = lines.findIndex((line) => line.startsWith('rec {') || line === '{');
  return [...lines.keys()].filter((at) => at > start && !forPeople.test(lines[at] ?? ''));
}

/** Every mutant of one file, in the order of its text. Of a control, only what decides is changed. */
export function textMutantsOf(file: string, text: string): TextMutant[] {
  const lines = text.split('\n');
  const shown = linesForPeople(lines);
  const deciding = (file.startsWith('controls/') ? decidingLines(lines) : sharedLines(lines)).filter(
    (at) => !shown.has(at),
  );
  return deciding.flatMap((at) => {
    const line = lines[at] ?? '';
    // `fix` may stand behind a check on the same line.
    const end = line.search(/\/\/ \{ fix =|; fix =|\bfix =/);
    const code = end === -1 ? line : line.slice(0, end);
    return changes.flatMap(({ pattern, to }) =>
      [...code.matchAll(pattern)]
        .filter(({ index }) => !label.test(code.slice(0, index)) && !shownName.test(code.slice(index)))
        .filter(({ index }) => !isInsideText(code, index))
        .map(({ 0: found, index }) => {
          const changed = `${line.slice(0, index)}${to(found)}${line.slice(index + found.length)}`;
          return {
            file,
            line: at + 1,
            what: `${line.trim()} → ${changed.trim()}`,
            text: lines.with(at, changed).join('\n'),
          };
        }),
    );
  });
}

/** Whether a position is inside quotes: what stands there is changed as a text, not as code. */
function isInsideText(code: string, index: number): boolean {
  return [...code.slice(0, index).matchAll(/"/g)].length % 2 === 1;
}
