/** Something that a check found. */
export interface Finding {
  readonly severity: 'error' | 'warning';
  /** File or option, relative to the repository. */
  readonly where: string;
  readonly what: string;
  /** What to do about it. */
  readonly next: string;
}
