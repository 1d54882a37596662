/** Whether `text` is what a pattern with `*` and `?` describes. Takes time in proportion to the product of both lengths. */
export function wildcardMatches(pattern: string, text: string): boolean {
  let [at, from, star, mark] = [0, 0, -1, 0];
  while (from < text.length) {
    if (pattern[at] === '*') {
      star = at++;
      mark = from;
    } else if (at < pattern.length && (pattern[at] === '?' || pattern[at] === text[from])) {
      at++;
      from++;
    } else if (star !== -1) {
      at = star + 1;
      from = ++mark;
    } else return false;
  }
  while (pattern[at] === '*') at++;
  return at === pattern.length;
}

/** OpenSSH's pattern lists: one of them matches, and none after a `!` does (ssh_config(5), PATTERNS). */
export function patternListMatches(list: string, text: string): boolean {
  const patterns = list.split(',');
  const negated = patterns.filter((pattern) => pattern.startsWith('!')).map((pattern) => pattern.slice(1));
  if (negated.some((pattern) => wildcardMatches(pattern, text))) return false;
  return patterns.some((pattern) => !pattern.startsWith('!') && wildcardMatches(pattern, text));
}
