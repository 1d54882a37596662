/**
 * C0 and C1 controls, and the invisible characters that reorder or hide text (Unicode TR36 §3.2: bidirectional controls,
 * zero-width characters, tags, lone surrogates).
 */
const invisible = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]+/gu;

/**
 * Text that a host, a commit or a stranger wrote, on one line and without control characters: what it says cannot move
 * the cursor, rewrite the screen or pass for another line of ours.
 */
export function printable(text: string): string {
  return text.replace(/\s+/gu, ' ').replace(invisible, '').trim();
}
