import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

/** Lines of a process's log that are kept for a failing test. */
const linesMax = 400;

/** A Node program of this harness, its log kept, and killed with the test at the latest. */
export class NodeProcess {
  readonly lines: string[] = [];
  readonly child: ChildProcess;

  constructor(program: string, args: readonly string[]) {
    this.child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', program, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.child.stderr?.on('data', (chunk: Buffer) => {
      this.lines.push(...chunk.toString().split('\n'));
      this.lines.splice(0, Math.max(0, this.lines.length - linesMax));
    });
  }

  get isRunning(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  /** The first line on stdout; null if the process ended without one. */
  async firstLine(): Promise<string | null> {
    let text = '';
    const { stdout } = this.child;
    if (!stdout) return null;
    for await (const chunk of stdout.iterator({ destroyOnReturn: false })) {
      text += String(chunk);
      const end = text.indexOf('\n');
      if (end >= 0) return text.slice(0, end);
    }
    return null;
  }

  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    if (!this.isRunning) return;
    const exited = once(this.child, 'exit');
    this.child.kill(signal);
    await exited;
  }
}
