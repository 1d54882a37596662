import {
  canonicalBytes,
  type DocumentType,
  DrillRecord,
  documentBytesMax,
  documentDepthMax,
  EvidenceDocument,
  FleetDocument,
  FleetName,
  HeadDocument,
  HoldDocument,
  JournalEvent,
  type Json,
  parseCanonical,
  parseDocument,
  ReleaseDocument,
  ResumeDocument,
  RolloutManifest,
  StaticReport,
  TrustDocument,
  WaiverDocument,
  WaiverRegister,
} from '@nixfleet/contracts';
import type { z } from 'zod';
import { type Format, left, taken, textOf } from './format.ts';

/** The fleet that every document of the corpus is of. */
export const corpusFleet = FleetName.parse('demo');

const schemas: Readonly<Record<DocumentType, z.ZodType>> = {
  trust: TrustDocument,
  head: HeadDocument,
  release: ReleaseDocument,
  fleet: FleetDocument,
  rollout: RolloutManifest,
  hold: HoldDocument,
  resume: ResumeDocument,
  event: JournalEvent,
  'static-report': StaticReport,
  'waiver-register': WaiverRegister,
  waiver: WaiverDocument,
  evidence: EvidenceDocument,
  drill: DrillRecord,
};

const documents = (Object.keys(schemas) as DocumentType[]).map(
  (type): Format => ({
    name: type,
    shape: 'json',
    // Unknown optional fields are accepted, and part of the bytes that are hashed and shown to others.
    isCanonical: true,
    bytesMax: documentBytesMax[type],
    async read(bytes, crypto) {
      const parsed = await parseDocument({ crypto, fleet: corpusFleet }, { type, schema: schemas[type] }, bytes);
      if (!parsed.ok) return left(parsed.reason, parsed.detail);
      // Typed again from its own bytes, the document says what it said.
      const { document } = parsed.value;
      const again = schemas[type].safeParse(JSON.parse(new TextDecoder().decode(canonicalBytes(document as Json))));
      if (!again.success) throw new Error(`${type}: what was read is not read again: ${again.error.message}`);
      return taken(document, canonicalBytes(JSON.parse(textOf(bytes)) as Json));
    },
  }),
);

const jsonBytesMax = 64 * 1024;

const canonicalJson: Format = {
  name: 'canonical-json',
  shape: 'json',
  isCanonical: true,
  bytesMax: jsonBytesMax,
  async read(bytes) {
    const parsed = parseCanonical(bytes, { bytesMax: jsonBytesMax, depthMax: documentDepthMax, nodesMax: 10_000 });
    return parsed.ok ? taken(parsed.value, canonicalBytes(parsed.value)) : left(parsed.reason, parsed.detail);
  },
};

export const documentFormats: readonly Format[] = [...documents, canonicalJson];
