import { parseMessage } from '@nixfleet/contracts';
import type { z } from 'zod';
import { schemas } from '../../scripts/schemas.ts';
import { documentFormats } from './documents.ts';
import { type Format, left, taken, utf8 } from './format.ts';

const documents = new Set(documentFormats.map(({ name }) => name));

/** Requests, replies and views: JSON that the transport bounds and a schema types. Every schema that is no document's. */
export const messageFormats: readonly Format[] = Object.entries<z.ZodType>(schemas)
  .filter(([name]) => !documents.has(name))
  .map(([name, schema]) => ({
    name,
    shape: 'json' as const,
    isCanonical: false,
    bytesMax: null,
    async read(bytes) {
      const parsed = parseMessage(schema, bytes);
      return parsed.ok ? taken(parsed.value, utf8(JSON.stringify(parsed.value))) : left(parsed.reason, parsed.detail);
    },
  }));
