import { accept, type HostName, refuse, type StorePath } from '@nixfleet/contracts';
import { type Commands, failureText, succeeded } from './commands.ts';
import type { Nix } from './nix.ts';
import type { Progress } from './progress.ts';
import type { ReleaseOutcome } from './release-refusal.ts';

/** How closures get to the cache. */
export type PushTarget =
  /** `nix copy --to URL`; a `secret-key` in the URL signs. */
  | { readonly kind: 'copy'; readonly url: string }
  /** `sh -c COMMAND` for each host, with `NIXFLEET_HOST`, `NIXFLEET_PATH` and `NIXFLEET_CLOSURE_HASH` (its base name). */
  | { readonly kind: 'hook'; readonly command: string };

/** Bound of one call of the hook, in milliseconds: 6 hours. */
export const pushHookTimeoutMs = 6 * 3600_000;
const hookOutputBytesMax = 16 * 1024 * 1024;

export async function pushClosures(input: {
  readonly nix: Nix;
  readonly commands: Commands;
  readonly progress: Progress;
  readonly target: PushTarget;
  readonly closures: ReadonlyMap<HostName, StorePath>;
}): Promise<ReleaseOutcome<null>> {
  const { nix, target, progress, closures } = input;
  if (closures.size === 0) return accept(null);
  if (target.kind === 'hook') return pushByHook(input, target.command);
  progress.report({ step: 'push', state: 'started' });
  const copied = await nix.copy(target.url, [...new Set(closures.values())], {
    onLine: (detail) => progress.report({ step: 'push', state: 'line', detail }),
  });
  if (!copied.ok) return refuse('push-failed', copied.detail);
  progress.report({ step: 'push', state: 'done' });
  return accept(null);
}

async function pushByHook(
  {
    commands,
    progress,
    closures,
  }: {
    readonly commands: Commands;
    readonly progress: Progress;
    readonly closures: ReadonlyMap<HostName, StorePath>;
  },
  command: string,
): Promise<ReleaseOutcome<null>> {
  for (const [host, path] of closures) {
    progress.report({ step: 'push', state: 'started', host });
    const request = {
      file: 'sh',
      args: ['-c', command],
      env: { NIXFLEET_HOST: host, NIXFLEET_PATH: path, NIXFLEET_CLOSURE_HASH: path.slice('/nix/store/'.length) },
      timeoutMs: pushHookTimeoutMs,
      stdoutBytesMax: hookOutputBytesMax,
      onStderrLine: (detail: string) => progress.report({ step: 'push', state: 'line', host, detail }),
    };
    const result = await commands.run(request);
    if (!succeeded(result))
      return refuse('push-failed', failureText(`the push hook for host ${host}`, request, result));
    progress.report({ step: 'push', state: 'done', host });
  }
  return accept(null);
}
