import type { Commands } from './program.ts';

/** The child's side of `Program`: answers commands, and ends with its parent. */
export function serveCommands(commands: Commands, end: () => PromiseLike<void> | void): void {
  const all: Record<string, (argument: never) => unknown> = {
    ...commands,
    end,
    usage: ({ isCollected }: { readonly isCollected: boolean }) => {
      if (isCollected) for (let i = 0; i < 3; i++) globalThis.gc?.();
      const { user, system } = process.cpuUsage();
      const { rss, heapUsed } = process.memoryUsage();
      return { cpuMs: (user + system) / 1000, rssBytes: rss, heapBytes: heapUsed };
    },
  };
  process.on('message', (message: { call: number; command: string; argument: never }) => {
    void answer(message);
  });
  process.on('disconnect', () => process.exit());

  async function answer({ call, command, argument }: { call: number; command: string; argument: never }) {
    try {
      const value = await all[command]?.(argument);
      process.send?.({ call, value: value ?? null });
    } catch (error) {
      process.send?.({ call, error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    }
  }
}
