import {
  type Crypto,
  canonicalBytes,
  type EventContent,
  type HostTarget,
  type Json,
  type StorePath,
  sha256Hex,
} from '@nixfleet/contracts';
import { type ControlFailure, driftBetween, type VerifiedEvidence } from '@nixfleet/evidence';

/** Most characters of a control's entry that an event repeats, and of a longer one's beginning (compliance.md §7). */
const snippetCharactersMax = 1024;
const previewCharacters = 900;

export interface Subject {
  readonly closure: StorePath;
  readonly activation: HostTarget | null;
}

export async function failureEvent(
  crypto: Crypto,
  subject: Subject,
  { failure, evidence }: { readonly failure: ControlFailure; readonly evidence: VerifiedEvidence },
): Promise<EventContent> {
  const { document, sha256 } = evidence;
  const entry = document.controls.find(({ controlId }) => controlId === failure.controlId) ?? null;
  const bytes = canonicalBytes(entry as unknown as Json);
  const text = new TextDecoder().decode(bytes);
  const { controlId, ruleIds, status, mode, frameworkArticles } = failure;
  return {
    kind: 'compliance-failure',
    body: {
      ...subject,
      ...{ controlId, ruleIds: [...ruleIds], status, mode, frameworkArticles },
      evidenceSha256: sha256,
      evidenceCollectedAt: document.collectedAt,
      evidenceSnippetSha256: await sha256Hex(crypto, bytes),
      snippet:
        text.length <= snippetCharactersMax
          ? text
          : `${bytes.length} bytes: ${text.slice(0, previewCharacters).toWellFormed()}`,
    },
  };
}

/** Controls that passed on this closure in the collection before, and do not any more. */
export function driftEvents(before: VerifiedEvidence | null, after: VerifiedEvidence): readonly EventContent[] {
  if (before === null) return [];
  return driftBetween(before, after).map(({ controlId, ruleIds, mode }) => ({
    kind: 'compliance-drift',
    body: {
      closure: after.document.system.toplevel,
      controlId,
      ruleIds: [...ruleIds],
      mode,
      passedSha256: before.sha256,
      evidenceSha256: after.sha256,
    },
  }));
}
