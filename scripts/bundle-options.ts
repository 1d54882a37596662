import type { BuildOptions, Plugin } from 'esbuild';

// CommonJS dependencies (pino, pg) call `require` for Node's own modules, and pino reads `__dirname`.
const banner = [
  "import { createRequire as nixfleetCreateRequire } from 'node:module';",
  'const require = nixfleetCreateRequire(import.meta.url);',
  'const __filename = import.meta.filename, __dirname = import.meta.dirname;',
].join('');

/** zod exports its messages in fifty languages as one namespace, which every command would load. Ours are in English. */
const englishOnly: Plugin = {
  name: 'english-only',
  setup({ onLoad }) {
    onLoad({ filter: /zod\/v4\/locales\/index\.js$/ }, () => ({
      contents: "export { default as en } from './en.js';",
    }));
  },
};

/** How everything that is shipped is bundled; the benchmarks measure what is bundled like it. Names stay as they are written. */
export const bundleOptions = {
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node24',
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: 'none',
  banner: { js: banner },
  // What pg would take instead of its own: a binding to libpq, and sockets of a platform that is not Node.
  external: ['pg-native', 'pg-cloudflare'],
  plugins: [englishOnly],
  logLevel: 'warning',
} as const satisfies BuildOptions;

/**
 * What Node is told for programs that stay, and for probes. By default it keeps 48 MB for young objects alone, and an agent that verifies
 * for a second each hour touches compilers whose code then stays in its memory.
 */
export const nodeFlags = {
  agent: ['--max-semi-space-size=1', '--no-opt', '--no-maglev', '--optimize-for-size'],
  controlPlane: ['--max-semi-space-size=4'],
  // The bound of every probe's memory: a runaway one is an error, and not the machine's problem.
  probe: ['--max-semi-space-size=1', '--max-old-space-size=64'],
} as const;
