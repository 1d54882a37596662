/** Scheme, then user and password: up to the last `@` before the path, since a password may itself have one. */
const authority = /^([a-z][a-z0-9+.-]*:\/\/)(?:([^/\s]*)@)?/i;

/**
 * An address without user, password and parameters (`?secret-key=…`): what may be shown, logged or published. Anything
 * that is no URL (a path, `git@host:path`) stays as it is.
 */
export function withoutCredentials(url: string): string {
  return authority.test(url) ? url.replace(authority, '$1').replace(/\?.*$/s, '') : url;
}

/** What a program printed, without what `withoutCredentials` takes out of an address that it was given. */
export function hideCredentials(text: string, url: string): string {
  const hidden = text.replaceAll(url, withoutCredentials(url));
  const [, , secret = ''] = authority.exec(url) ?? [];
  const parameters = /\?(.+)$/s.exec(url)?.[1]?.split('&') ?? [];
  return [secret && `${secret}@`, ...parameters]
    .filter((part) => part !== '')
    .reduce((shown, part) => shown.replaceAll(part, '…'), hidden);
}
