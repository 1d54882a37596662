import { registerHooks } from 'node:module';
import { mutations } from './mutations.ts';

// Loaded into a worker before anything else: one exact text of one product source is replaced as the file is loaded.

const mutation = mutations.find(({ name }) => name === process.env.NIXFLEET_MUTATION);
if (mutation === undefined) throw new Error(`there is no mutation ${process.env.NIXFLEET_MUTATION}`);
const { file, from, to } = mutation;

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context);
    if (!url.endsWith(`/packages/${file}`)) return loaded;
    const source =
      typeof loaded.source === 'string' ? loaded.source : new TextDecoder().decode(loaded.source as Uint8Array);
    return { ...loaded, source: mutated(source) };
  },
});

function mutated(source: string): string {
  const parts = source.split(from);
  if (parts.length !== 2)
    throw new Error(`${file}: expected the text of the mutation once, found it ${parts.length - 1} times`);
  return parts.join(to);
}
