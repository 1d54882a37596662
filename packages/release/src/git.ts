import { type CommandRequest, type Commands, failureText, succeeded } from './commands.ts';
import { ReleaseError } from './errors.ts';

export interface GitCall {
  readonly stdin?: Uint8Array | string;
  readonly env?: Readonly<Record<string, string>>;
  readonly stdoutBytesMax?: number;
}

/** One repository, by git's plumbing. */
export interface Git {
  /** Standard output. Throws `ReleaseError` `git` if git does not succeed. */
  run(args: readonly string[], call?: GitCall): Promise<string>;
  bytes(args: readonly string[], call?: GitCall): Promise<Uint8Array>;
  /** Exit code and texts, for commands whose failing is an answer. */
  try(
    args: readonly string[],
    call?: GitCall,
  ): Promise<{ ok: boolean; exitCode: number | null; detail: string; stdout: string }>;
}

/** One git command, in milliseconds: a fetch over a slow network. */
const gitTimeoutMs = 10 * 60_000;
const gitOutputBytesMax = 64 * 1024 * 1024;

/** `directory`: a work tree or a bare repository. */
export function openGit({ commands, directory }: { readonly commands: Commands; readonly directory: string }): Git {
  const execute = async (args: readonly string[], call: GitCall = {}) => {
    const request: CommandRequest = {
      file: 'git',
      args: ['-C', directory, ...args],
      // Never ask a person, never run hooks' editors, always the same language.
      env: { GIT_TERMINAL_PROMPT: '0', LC_ALL: 'C', ...call.env },
      timeoutMs: gitTimeoutMs,
      stdoutBytesMax: call.stdoutBytesMax ?? gitOutputBytesMax,
      ...(call.stdin === undefined ? {} : { stdin: call.stdin }),
    };
    return { request, result: await commands.run(request) };
  };
  const bytes = async (args: readonly string[], call?: GitCall) => {
    const { request, result } = await execute(args, call);
    if (!succeeded(result)) throw new ReleaseError('git', failureText(`git ${args[0]}`, request, result));
    return result.stdout;
  };
  return {
    bytes,
    run: async (args, call) => new TextDecoder().decode(await bytes(args, call)),
    async try(args, call) {
      const { request, result } = await execute(args, call);
      const detail = failureText(`git ${args[0]}`, request, result);
      const stdout = new TextDecoder().decode(result.stdout);
      return { ok: succeeded(result), exitCode: result.exitCode, detail, stdout };
    },
  };
}
