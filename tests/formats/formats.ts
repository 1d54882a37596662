import { agentFileFormats } from './agent-files.ts';
import { documentFormats } from './documents.ts';
import type { Format } from './format.ts';
import { messageFormats } from './messages.ts';
import { textFormats } from './texts.ts';

/** Every format that we read and somebody else may have written. */
export const formats: readonly Format[] = [...documentFormats, ...messageFormats, ...textFormats, ...agentFileFormats];
