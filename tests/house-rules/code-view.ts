/** Words after which a slash starts a regular expression, not a division. */
const BEFORE_REGEX = /(?:^|[^\w$.])(?:return|typeof|case|in|of|do|else|void|delete|throw|new|await|yield)$/;

/**
 * TypeScript with comments and the insides of strings, templates and regular expressions replaced by spaces, so that a
 * pattern finds code only. Length, line breaks and quotes stay; code within `${…}` stays too.
 */
export function codeOf(text: string): string {
  const out = text.split('');
  const blank = (from: number, to: number): void => {
    for (let i = from; i < to && i < out.length; i += 1) if (out[i] !== '\n') out[i] = ' ';
  };
  // For each `${` that is open: how many braces are open inside it.
  const templates: number[] = [];
  let at = 0;
  const template = (from: number): number => {
    const end = endOfTemplatePart(text, from);
    blank(from, end);
    if (text[end] === '$') templates.push(0);
    return text[end] === '$' ? end + 2 : end + 1;
  };
  while (at < text.length) {
    const char = text[at];
    const two = text.slice(at, at + 2);
    if (two === '//') {
      const end = endOr(text.indexOf('\n', at), text.length);
      blank(at, end);
      at = end;
    } else if (two === '/*') {
      const end = endOr(text.indexOf('*/', at + 2), text.length - 2) + 2;
      blank(at, end);
      at = end;
    } else if (char === "'" || char === '"') {
      const end = endOfQuoted(text, at + 1, char);
      blank(at + 1, end);
      at = end + 1;
    } else if (char === '`') {
      at = template(at + 1);
    } else if (char === '/' && startsRegex(out, at)) {
      const end = endOfRegex(text, at + 1);
      blank(at + 1, end);
      at = end + 1;
    } else if (char === '}' && templates.at(-1) === 0) {
      templates.pop();
      at = template(at + 1);
    } else {
      const open = templates.length - 1;
      if (open >= 0 && (char === '{' || char === '}'))
        templates[open] = (templates[open] as number) + (char === '{' ? 1 : -1);
      at += 1;
    }
  }
  return out.join('');
}

function endOr(found: number, otherwise: number): number {
  return found === -1 ? otherwise : found;
}

function endOfQuoted(text: string, from: number, quote: string): number {
  let at = from;
  while (at < text.length && text[at] !== quote && text[at] !== '\n') at += text[at] === '\\' ? 2 : 1;
  return at;
}

/** Where the template's text ends: at its closing backtick or at the `$` of the next `${`. */
function endOfTemplatePart(text: string, from: number): number {
  let at = from;
  while (at < text.length && text[at] !== '`' && !(text[at] === '$' && text[at + 1] === '{'))
    at += text[at] === '\\' ? 2 : 1;
  return at;
}

function endOfRegex(text: string, from: number): number {
  let isInClass = false;
  let at = from;
  while (at < text.length && text[at] !== '\n' && (isInClass || text[at] !== '/')) {
    if (text[at] === '[') isInClass = true;
    if (text[at] === ']') isInClass = false;
    at += text[at] === '\\' ? 2 : 1;
  }
  return at;
}

function startsRegex(code: readonly string[], at: number): boolean {
  let end = at - 1;
  while (end >= 0 && /\s/.test(code[end] as string)) end -= 1;
  if (end < 0 || /[(,=:[!&|?{};+\-*%~^<>]/.test(code[end] as string)) return true;
  return BEFORE_REGEX.test(code.slice(Math.max(0, end - 10), end + 1).join(''));
}
