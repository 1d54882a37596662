import type { z } from 'zod';
import { type DocumentType, documentBytesMax, documentDepthMax, knownFeatures } from './document.ts';
import { type Json, parseCanonical } from './json.ts';
import type { FleetName, Sha256Hex } from './names.ts';
import { lookup } from './record.ts';
import { accept, type Refusal, refuse, type Verified } from './refusal.ts';
import { sha256Hex } from './sha256.ts';
import type { VerifyContext } from './signed-bytes.ts';

/** A document whose bytes are canonical and whose every field was checked; who signed it is not settled yet. */
export interface ParsedDocument<Document> {
  readonly document: Document;
  readonly sha256: Sha256Hex;
  readonly bytes: Uint8Array;
}

export interface DocumentKind<Document> {
  readonly type: DocumentType;
  readonly schema: Pick<z.ZodType<Document>, 'safeParse'>;
}

/**
 * Bytes to document. Order: size → canonical form (`parseCanonical`) → type → fleet → schema version → required features
 * → shape. The envelope comes before the shape so that a document of another kind, fleet or generation is told as such
 * (stops mix-and-match across types and fleets that share keys) and not as a list of bad fields.
 */
export async function parseDocument<Document>(
  ctx: VerifyContext,
  kind: DocumentKind<Document>,
  bytes: Uint8Array,
): Promise<Verified<ParsedDocument<Document>>> {
  const { memo, fleet, crypto } = ctx;
  const sha256 = memo ? await sha256Hex(crypto, bytes) : null;
  const parsed =
    memo && sha256 !== null
      ? await memo.of(`document ${kind.type} ${fleet} ${sha256}`, async () => readDocument(fleet, kind, bytes))
      : readDocument(fleet, kind, bytes);
  if (!parsed.ok) return parsed;
  return accept({ document: parsed.value.document, sha256: sha256 ?? (await sha256Hex(crypto, bytes)), bytes });
}

/** `parseDocument` without the hash; `text` is the canonical text that `bytes` encode. */
export function readDocument<Document>(
  fleet: FleetName,
  kind: DocumentKind<Document>,
  bytes: Uint8Array,
): Verified<{ readonly document: Document; readonly text: string }> {
  const json = parseCanonical(bytes, { bytesMax: documentBytesMax[kind.type], depthMax: documentDepthMax });
  if (!json.ok) return refuse(json.reason, `${kind.type}: ${json.detail}`);
  const outside = checkEnvelope(json.value, kind.type, fleet);
  if (outside) return outside;
  const shape = kind.schema.safeParse(json.value);
  if (!shape.success) return refuse('invalid', `${kind.type}: ${listIssues(shape.error.issues)}`);
  return accept({ document: shape.data, text: json.text });
}

function checkEnvelope(value: Json, type: DocumentType, fleet: FleetName): Refusal | null {
  if (!isObject(value)) return refuse('wrong-type', `expected a document of type ${type}, got no object`);
  const found = lookup(value, 'type');
  if (found !== type) return refuse('wrong-type', `expected a document of type ${type}, got ${shown(found)}`);
  const owner = lookup(value, 'fleet');
  if (owner !== fleet) return refuse('wrong-fleet', `${type}: expected fleet ${fleet}, got ${shown(owner)}`);
  const schemaVersion = lookup(value, 'schemaVersion');
  if (schemaVersion !== 1) {
    return refuse('unsupported-schema', `${type}: expected schemaVersion 1, got ${shown(schemaVersion)}`);
  }
  const requires = lookup(value, 'requires');
  if (!Array.isArray(requires)) return null;
  const unknown = requires.find((feature) => typeof feature !== 'string' || !knownFeatures.has(feature));
  if (unknown === undefined) return null;
  return refuse('unknown-requirement', `${type}: requires ${shown(unknown)}, which this version does not know`);
}

function isObject(value: Json): value is { readonly [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** An attacker's value, short enough for a log line. */
function shown(value: Json | undefined): string {
  return value === undefined ? 'none' : JSON.stringify(value).slice(0, 80);
}

/** Most bad fields listed in one refusal. */
const issuesListedMax = 20;

function listIssues(issues: readonly z.core.$ZodIssue[]): string {
  const lines = issues
    .slice(0, issuesListedMax)
    .map(({ path, message }) => `${path.length === 0 ? '(whole)' : path.map(String).join('.')}: ${message}`);
  const more = issues.length - lines.length;
  return more > 0 ? `${lines.join('; ')}; and ${more} more` : lines.join('; ');
}
