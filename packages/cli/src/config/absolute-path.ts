import { resolve } from 'node:path';

interface From {
  readonly base: string;
  readonly home: string;
}

/** A path as typed: `~/` is the home directory, and a relative one starts at `base`. */
export function absolutePath(path: string, { base, home }: From): string {
  return resolve(base, path.replace(/^~(?=\/|$)/, home));
}

/** As `absolutePath` for a `releases` setting: `<directory>`, or `<git repository>#<ref>`. */
export function absoluteReleases(text: string, from: From): string {
  const { place, ref } = splitReleases(text);
  if (ref === null) return absolutePath(place, from);
  return `${isRemote(place) ? place : absolutePath(place, from)}#${ref}`;
}

/** A URL, or git's `host:path` without a slash before the colon. */
export function isRemote(place: string): boolean {
  return /^(?:[a-z][a-z0-9+.-]*:\/\/|[^/]+:)/.test(place);
}

/** The part after the last `#` is a git ref; null for a plain directory. */
export function splitReleases(text: string): { readonly place: string; readonly ref: string | null } {
  const at = text.lastIndexOf('#');
  return at === -1 ? { place: text, ref: null } : { place: text.slice(0, at), ref: text.slice(at + 1) };
}
