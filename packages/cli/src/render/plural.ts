/** `1 host`, `2 hosts`, `2 replies` with `replies` given. */
export function plural(count: number, singular: string, several = `${singular}s`): string {
  return `${count} ${count === 1 ? singular : several}`;
}
