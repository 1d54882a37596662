import { type Crypto, type DocumentRef, reportPath, sealDocument } from '@nixfleet/contracts';
import type { TestIntent } from './test-intent.ts';

/** Puts the intent's report and register into a tree; what a release says of them. */
export async function sealReports(
  crypto: Crypto,
  { staticReport, waiverRegister }: TestIntent,
  files: Map<string, Uint8Array>,
): Promise<Record<string, DocumentRef>> {
  const refs: Record<string, DocumentRef> = {};
  for (const [name, document] of Object.entries({ staticReport, waiverRegister })) {
    if (!document) continue;
    const { sha256, bytes } = await sealDocument(crypto, document);
    files.set(reportPath(sha256), bytes);
    refs[name] = { sha256, bytes: bytes.length };
  }
  return refs;
}
