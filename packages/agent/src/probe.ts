import { request as httpsRequest } from 'node:https';
import { connect } from 'node:net';
import type { Clock, HealthCheck } from '@nixfleet/contracts';
import { excerptOf } from './command-output.ts';
import { messageOf } from './errors.ts';
import type { Host } from './host.ts';
import { httpRequest } from './node-http.ts';
import type { ProbeResult } from './probes.ts';
import { describe } from './profile-system.ts';
import { runCommand } from './run-command.ts';

/** Bytes that a probed service or program may send before the probe fails. */
export const probeBytesMax = 1024 * 1024;

export interface ProbeDeps {
  readonly host: Host;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** Runs one check once, within its timeout. Rejects only when `signal` aborts. */
export async function probe(check: HealthCheck, deps: ProbeDeps): Promise<ProbeResult> {
  switch (check.kind) {
    case 'http':
      return http(check, deps);
    case 'tcp':
      return tcp(check, deps);
    case 'exec':
      return exec(check, deps);
    case 'systemd':
    case 'evidence':
      return fail(`a probe of kind ${check.kind} needs a backend that has it: this one does not`);
  }
}

export function fail(detail: string): ProbeResult {
  // A declared URL may carry a password, and this goes to the journal.
  return { status: 'fail', detail: excerptOf(detail).slice(0, 500) };
}

/** Redirects are answers like any other: what is expected is what is declared. */
function http(check: Extract<HealthCheck, { kind: 'http' }>, deps: ProbeDeps): Promise<ProbeResult> {
  const url = new URL(check.url);
  return bounded(check.timeoutSeconds, deps, (signal, finish) => {
    const request = url.protocol === 'https:' ? httpsRequest : httpRequest;
    const sent = request(url, { agent: false, signal, headers: { 'user-agent': 'nixfleet-probe' } });
    sent.on('error', (error) => finish(fail(`${check.url}: ${error.message}`)));
    sent.on('response', (response) => {
      let bytes = 0;
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > probeBytesMax) finish(fail(`${check.url}: more than ${probeBytesMax} bytes`));
      });
      response.on('error', (error) => finish(fail(`${check.url}: ${error.message}`)));
      response.on('end', () => {
        const { statusCode } = response;
        if (statusCode === check.expectStatus) finish({ status: 'pass' });
        else finish(fail(`${check.url}: expected status ${check.expectStatus}, got ${statusCode}`));
      });
    });
    sent.end();
  });
}

function tcp(check: Extract<HealthCheck, { kind: 'tcp' }>, deps: ProbeDeps): Promise<ProbeResult> {
  const { host, port } = check;
  return bounded(check.timeoutSeconds, deps, (signal, finish) => {
    const socket = connect({ host, port, signal });
    socket.on('connect', () => {
      socket.destroy();
      finish({ status: 'pass' });
    });
    socket.on('error', (error) => finish(fail(`${host}:${port}: ${error.message}`)));
  });
}

async function exec(check: Extract<HealthCheck, { kind: 'exec' }>, deps: ProbeDeps): Promise<ProbeResult> {
  const { host, clock, signal } = deps;
  const [program = '', ...args] = check.command;
  const result = await runCommand({
    argv: [host.locate(program), ...args],
    environment: host.environment,
    timeoutMs: check.timeoutSeconds * 1000,
    stdoutBytesMax: probeBytesMax,
    directory: '/',
    signal,
    clock,
  });
  signal.throwIfAborted();
  if (result.ended === 'timeout') return fail(`${program}: not done within ${check.timeoutSeconds} s`);
  return result.exitCode === 0 ? { status: 'pass' } : fail(`${program}: ${describe(result.output)}`);
}

function bounded(
  timeoutSeconds: number,
  { clock, signal }: ProbeDeps,
  run: (signal: AbortSignal, finish: (result: ProbeResult) => void) => void,
): Promise<ProbeResult> {
  return new Promise((resolve, reject) => {
    const over = new AbortController();
    let isOver = false;
    const finish = (result: ProbeResult): void => {
      if (isOver) return;
      isOver = true;
      signal.removeEventListener('abort', abort);
      resolve(result);
      over.abort();
    };
    const abort = (): void => {
      isOver = true;
      reject(signal.reason);
      over.abort();
    };
    if (signal.aborted) return abort();
    signal.addEventListener('abort', abort, { once: true });
    clock.sleep(timeoutSeconds * 1000, over.signal).then(
      () => finish(fail(`not done within ${timeoutSeconds} s`)),
      () => {},
    );
    try {
      run(over.signal, finish);
    } catch (error) {
      finish(fail(messageOf(error)));
    }
  });
}
