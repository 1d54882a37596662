/** An attribute path and one value, closed: Nix takes it between `{` and `}`. */
const optionLine =
  /^((?:[a-zA-Z_][\w'-]*)(?:\.(?:"[^"]*"|[a-zA-Z_][\w'-]*))*) = ((?:"(?:[^"\\]|\\.)*"|\{(?:"(?:[^"\\]|\\.)*"|[^{}"])*\}|[^";{}#])+);(?:\s*#.*)?$/;
/** Stands for something that only a person knows. */
const placeholder = /<[a-z ]+>|…/;

/** Whether a line can be written into a configuration as it is, rather than being something that a person has to do. */
export function isOptionLine(line: string): boolean {
  return optionLine.test(line) && !placeholder.test(line);
}

/** What a rule says would mend it, line by line; `by hand:` before what is no line of a configuration. */
export function fixLines(fix: string, optionPath?: string): readonly string[] {
  const lines = fix.split('\n').filter((line) => line !== '');
  return joinedLines(
    lines.map((line) => {
      if (isOptionLine(line)) return line;
      return optionPath && / there\b/.test(line) ? `by hand: at ${optionPath}: ${line}` : `by hand: ${line}`;
    }),
  );
}

/**
 * Each line once, so that all of them stand in one set: Nix takes an option once there, so that lists of one option are one
 * list, and texts of whole lines one text. Of single values the last stays.
 */
export function joinedLines(lines: readonly string[]): readonly string[] {
  const joined = new Map<string, string>();
  for (const line of lines) {
    const [, option, value] = optionLine.exec(line) ?? [];
    if (option === undefined || value === undefined || !isOptionLine(line)) joined.set(line, line);
    else joined.set(option, together(option, joined.get(option), line, value));
  }
  return [...joined.values()];
}

function together(option: string, earlierLine: string | undefined, line: string, value: string): string {
  const [, , earlier] = optionLine.exec(earlierLine ?? '') ?? [];
  if (earlier === undefined || earlier === value) return line;
  const [list, earlierList] = [inside(value, '[ ', ' ]'), inside(earlier, '[ ', ' ]')];
  if (list !== null && earlierList !== null) {
    const items = new Set([...itemsOf(earlierList), ...itemsOf(list)]);
    return `${option} = [ ${[...items].join(' ')} ];`;
  }
  const [text, earlierText] = [inside(value, '"', '\\n"'), inside(earlier, '"', '\\n"')];
  if (text !== null && earlierText !== null) {
    const all = new Set([...earlierText.split('\\n'), ...text.split('\\n')]);
    return `${option} = "${[...all].join('\\n')}\\n";`;
  }
  return line;
}

function inside(value: string, from: string, to: string): string | null {
  return value.startsWith(from) && value.endsWith(to) ? value.slice(from.length, -to.length) : null;
}

/** Strings, sets in braces, and words. */
function itemsOf(list: string): readonly string[] {
  return list.match(/"(?:[^"\\]|\\.)*"|\{[^{}]*\}|\S+/g) ?? [];
}
