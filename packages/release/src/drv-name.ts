/** A package as Nix names it. `version` is empty where the name has none. */
export interface Package {
  readonly name: string;
  readonly version: string;
}

/** As `builtins.parseDrvName`: the version starts after the first `-` that a letter does not follow. */
export function parseDrvName(text: string): Package {
  const match = /-(?![A-Za-z])(?=.)/.exec(text);
  if (!match) return { name: text, version: '' };
  return { name: text.slice(0, match.index), version: text.slice(match.index + 1) };
}

/** The packages that the paths of a closure are named after: each once, sorted by name and version. */
export function packagesOf(paths: readonly string[]): Package[] {
  const found = new Map<string, Package>();
  for (const path of paths) {
    const parsed = parseDrvName(path.replace(/^\/nix\/store\/[^-]*-/, ''));
    found.set(`${parsed.name}\0${parsed.version}`, parsed);
  }
  return [...found.entries()].sort(([left], [right]) => (left < right ? -1 : 1)).map(([, value]) => value);
}
