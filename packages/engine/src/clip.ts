/** Text from a worker, made to fit an event and well-formed: a lone surrogate has no canonical form. */
export function clip(text: string, charactersMax: number): string {
  return text.slice(0, charactersMax).toWellFormed();
}
