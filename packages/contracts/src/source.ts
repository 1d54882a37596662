import { z } from 'zod';
import { Commit } from './names.ts';

/** Where the closures were built from. `repository` is a URL or a name, shown to people and never fetched by agents. */
export const Source = z.object({ repository: z.string().min(1).max(512), commit: Commit });
export type Source = z.infer<typeof Source>;
