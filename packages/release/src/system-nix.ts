import { readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { accept, closurePathsMax, refuse, StorePath } from '@nixfleet/contracts';
import { z } from 'zod';
import { parseBuildFailures, tailOfLog } from './build-failure.ts';
import { type CommandRequest, type CommandResult, type Commands, failureText, succeeded } from './commands.ts';
import { ReleaseError } from './errors.ts';
import type { FleetSource } from './fleet-source.ts';
import type { Nix, NixCall, NixOutcome, Topology } from './nix.ts';
import { type PathInfo, parseValidityRegistration } from './path-info.ts';
import { hideCredentials } from './without-credentials.ts';

export interface NixConfig {
  /** Folder of `nix`, `nix-store` and `nix-instantiate`. Default: found on PATH. */
  readonly binDirectory?: string;
  /** `--store`. Default: Nix's own choice (the daemon, or the local store). */
  readonly store?: string;
  /** `--option NAME VALUE` for every call, such as `sandbox` or `build-users-group`. */
  readonly options?: Readonly<Record<string, string>>;
  /** Bounds of one call, in milliseconds. Defaults: 30 minutes, 12 hours, 6 hours. */
  readonly evaluateTimeoutMs?: number;
  readonly buildTimeoutMs?: number;
  readonly copyTimeoutMs?: number;
}

/** Anything else is not worth a release that fails. */
const Lines = z.array(z.string()).max(100);

const minuteMs = 60_000;
/** Longest a query of the store database may take. */
const queryTimeoutMs = 5 * minuteMs;
const evaluationBytesMax = 64 * 1024 * 1024;
const queryBytesMax = 256 * 1024 * 1024;
/** Lines of a build's output that are searched for what failed. */
const outputLinesKept = 10_000;
/** Failures that are told; more have one cause, or would not be read. */
const failuresMax = 20;
/** Paths per process: 1000 × at most 255 characters stay below every system's limit of arguments. */
const pathsPerCall = 1000;

/**
 * Nix 2.8 up to the newest, and Lix, by the commands whose arguments and output have stayed: `nix-instantiate --eval
 * --json`, `nix-store --realise`, `-qR` and `--dump-db`. Only flakes and `copy` need the new command.
 */
export function systemNix({ commands, config }: { readonly commands: Commands; readonly config: NixConfig }): Nix {
  const settings = [
    ...(config.store === undefined ? [] : ['--store', config.store]),
    ...Object.entries(config.options ?? {}).flatMap(([name, value]) => ['--option', name, value]),
  ];
  const program = (name: string) => (config.binDirectory ? join(config.binDirectory, name) : name);
  const evaluateTimeoutMs = config.evaluateTimeoutMs ?? 30 * minuteMs;
  const buildTimeoutMs = config.buildTimeoutMs ?? 12 * 60 * minuteMs;
  const copyTimeoutMs = config.copyTimeoutMs ?? 6 * 60 * minuteMs;

  const run = async (
    what: string,
    request: Omit<CommandRequest, 'onStart' | 'onStderrLine' | 'signal'>,
    call: NixCall = {},
  ): Promise<NixOutcome<CommandResult>> => {
    const whole: CommandRequest = {
      ...request,
      ...(call.onStart ? { onStart: call.onStart } : {}),
      ...(call.onLine ? { onStderrLine: call.onLine } : {}),
      ...(call.signal ? { signal: call.signal } : {}),
    };
    const result = await commands.run(whole);
    return succeeded(result) ? accept(result) : failed(failureText(what, whole, result));
  };

  const evaluate = async (
    what: string,
    source: FleetSource,
    select: string,
    named: Named | null,
    call?: NixCall,
  ): Promise<NixOutcome<unknown>> => {
    const bounds = { timeoutMs: evaluateTimeoutMs, stdoutBytesMax: evaluationBytesMax };
    const request =
      source.kind === 'file'
        ? { file: program('nix-instantiate'), args: [...settings, ...fileArgs(source, select, named)] }
        : { file: program('nix'), args: [...flakeArgs(source, select, named), ...settings], cwd: source.directory };
    const result = await run(what, { ...request, ...bounds }, call);
    if (!result.ok) return result;
    try {
      return accept<unknown>(JSON.parse(text(result.value)));
    } catch (cause) {
      throw new ReleaseError('nix', `${what}: expected JSON from Nix`, { cause });
    }
  };

  const store = (what: string, args: readonly string[]) =>
    run(what, {
      file: program('nix-store'),
      args: [...settings, ...args],
      timeoutMs: queryTimeoutMs,
      stdoutBytesMax: queryBytesMax,
    });

  /** Builds nothing; the result is read from the link, not from output. */
  const hold = async (what: string, installable: string, root: string): Promise<NixOutcome<StorePath>> => {
    const nothing = ['--max-jobs', '0', '--option', 'builders', ''];
    const args = [...settings, '--realise', ...nothing, installable, '--add-root', root];
    const request = {
      file: program('nix-store'),
      args,
      timeoutMs: buildTimeoutMs,
      stdoutBytesMax: evaluationBytesMax,
    };
    const held = await run(what, request);
    if (!held.ok) return held;
    const path = StorePath.safeParse(await readlink(root));
    if (!path.success) throw new ReleaseError('nix', `${root}: expected a link into /nix/store`);
    return accept(path.data);
  };

  return {
    root: config.store?.startsWith('/') ? config.store.replace(/\/+$/, '') : '',

    async topology(source, call) {
      const select =
        '{ resolved = fleet.resolved; warnings = fleet.warnings or [ ]; hosts = builtins.attrNames fleet.toplevels; }';
      const found = await evaluate('evaluating the fleet', source, select, null, call);
      return found.ok ? accept(found.value as Topology) : found;
    },

    async instantiate(source, host, call) {
      const select =
        '{ derivation = fleet.toplevels.${host}.drvPath; warnings = (fleet.hostWarnings or { }).${host} or [ ]; compliance = (if facts != null && fleet ? complianceWith then fleet.complianceWith facts else fleet.compliance or { }).${host} or null; }';
      const { facts = null, ...bounds } = call ?? {};
      const named = { host, facts: JSON.stringify(facts) };
      const found = await evaluate(`evaluating host ${host}`, source, select, named, bounds);
      if (!found.ok) return found;
      const { derivation, warnings, compliance = null } = found.value as { readonly [name: string]: unknown };
      const path = StorePath.safeParse(derivation);
      if (!path.success || !path.data.endsWith('.drv')) {
        return failed(`evaluating host ${host}: toplevels.${host} is not a derivation`);
      }
      return accept({ derivation: path.data, warnings: Lines.safeParse(warnings).data ?? [], compliance });
    },

    async build(derivations, { buildsMax }, call) {
      const jobs = buildsMax === undefined ? [] : ['--max-jobs', String(buildsMax)];
      const outputs = derivations.map((derivation) => `${derivation}!out`);
      const args = [...settings, '--realise', '--keep-going', ...jobs, ...outputs];
      const request = {
        file: program('nix-store'),
        args,
        timeoutMs: buildTimeoutMs,
        stdoutBytesMax: evaluationBytesMax,
      };
      const lines: string[] = [];
      const onLine = (line: string) => {
        lines.push(line);
        if (lines.length > 2 * outputLinesKept) lines.splice(0, lines.length - outputLinesKept);
        call?.onLine?.(line);
      };
      const built = await run('building', request, { ...call, onLine });
      if (built.ok) return accept(null);
      const failures = parseBuildFailures(lines).slice(0, failuresMax);
      const logged = failures.map(async (failure) => {
        const log = await store('reading a build log', ['--read-log', failure.derivation]);
        const tail = log.ok ? tailOfLog(text(log.value)) : [];
        return tail.length === 0 || failure.reason.startsWith('hash mismatch') ? failure : { ...failure, log: tail };
      });
      return { ...built, failures: await Promise.all(logged) };
    },

    async buildRequisites(derivation) {
      const listed = await store(`listing what ${derivation} needs`, ['--query', '--requisites', derivation]);
      return listed.ok ? accept(new Set(text(listed.value).split('\n'))) : listed;
    },

    // `!out` in the old commands is understood by every version.
    realise: (derivation, root) => hold(`building ${derivation}`, `${derivation}!out`, root),

    obtain: (path, root) => hold(`getting ${path}`, path, root),

    async closureInfo(path) {
      const listed = await store(`listing the closure of ${path}`, ['--query', '--requisites', path]);
      if (!listed.ok) return listed;
      const paths = text(listed.value)
        .split('\n')
        .filter((line) => line !== '');
      if (paths.length > closurePathsMax)
        return failed(`the closure of ${path} has more than ${closurePathsMax} paths`);
      const infos: PathInfo[] = [];
      for (let at = 0; at < paths.length; at += pathsPerCall) {
        const some = paths.slice(at, at + pathsPerCall);
        const dumped = await store(`reading the closure of ${path}`, ['--dump-db', ...some]);
        if (!dumped.ok) return dumped;
        infos.push(...parseValidityRegistration(text(dumped.value)));
      }
      const known = new Set<string>(infos.map((info) => info.path));
      const lost = paths.find((one) => !known.has(one));
      if (lost !== undefined) return failed(`the closure of ${path} lost ${lost} while it was read`);
      return accept(infos.sort((left, right) => (left.path < right.path ? -1 : 1)));
    },

    async copy(url, paths, call) {
      const args = ['--extra-experimental-features', 'nix-command', 'copy', ...settings, '--to', url, ...paths];
      const request = { file: program('nix'), args, timeoutMs: copyTimeoutMs, stdoutBytesMax: evaluationBytesMax };
      const { onLine } = call ?? {};
      const shown = onLine ? { ...call, onLine: (line: string) => onLine(hideCredentials(line, url)) } : call;
      const copied = await run('copying to the cache', request, shown);
      return copied.ok ? accept(null) : refuse(copied.reason, hideCredentials(copied.detail, url));
    },
  };
}

/** What an expression about one host reads. */
interface Named {
  readonly host: string;
  /** JSON. */
  readonly facts: string;
}

// What comes from outside comes in as arguments, never spliced into the expression.
function fileArgs(source: FleetSource & { kind: 'file' }, select: string, named: Named | null): string[] {
  const parameters = named === null ? '{ file, attribute }:' : '{ file, attribute, host, factsJson }:';
  const expression = `${parameters} let
    imported = import (/. + file);
    called = if builtins.isFunction imported then imported { } else imported;
    fleet = builtins.foldl' (set: name: set.\${name}) called (builtins.fromJSON attribute);
    ${named === null ? '' : 'facts = builtins.fromJSON factsJson;'}
  in ${select}`;
  const args = ['--eval', '--strict', '--json', '--argstr', 'file', source.path];
  args.push('--argstr', 'attribute', JSON.stringify(source.attribute));
  // Without it `--eval` does not write derivations; the topology has none to write.
  if (named !== null)
    args.push('--read-write-mode', '--argstr', 'host', named.host, '--argstr', 'factsJson', named.facts);
  return [...args, '--expr', expression];
}

function flakeArgs(source: FleetSource & { kind: 'flake' }, select: string, named: Named | null): string[] {
  const bindings =
    named && `let host = ${nixString(named.host)}; facts = builtins.fromJSON ${nixString(named.facts)}; in `;
  const features = ['--extra-experimental-features', 'nix-command flakes'];
  return [...features, 'eval', '--json', source.installable, '--apply', `fleet: ${bindings ?? ''}${select}`];
}

/** `--apply` takes no arguments. */
function nixString(text: string): string {
  return `"${text.replaceAll(/[\\"]|\$(?=\{)/g, (character) => `\\${character}`)}"`;
}

function text(result: CommandResult): string {
  return new TextDecoder().decode(result.stdout);
}

function failed(detail: string): NixOutcome<never> {
  return refuse('nix-failed', tailOf(detail));
}

/** Nix says what failed last: keep the end of a long text, and its first line. */
function tailOf(detail: string): string {
  const charactersMax = 1000;
  if (detail.length <= charactersMax) return detail;
  const first = detail.slice(0, 120).split('\n')[0] ?? '';
  return `${first} … ${detail.slice(-(charactersMax - first.length - 3))}`;
}
