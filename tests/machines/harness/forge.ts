import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { writeReleases } from '../../loop/harness/release-directory.ts';
import { command } from './command.ts';

const branch = 'releases';
/** Folder of the branch that is `releases/`. */
export const forgeFolder = 'releases';

/** A git server with the fleet's releases, read by the control plane over the network. */
export class Forge implements Disposable {
  readonly #work: string;
  readonly #server;

  constructor(directory: string, address: string) {
    const repository = join(directory, 'releases.git');
    this.#work = join(directory, 'work');
    mkdirSync(this.#work, { recursive: true });
    command('git', 'init', '--quiet', '--bare', `--initial-branch=${branch}`, repository);
    command('git', 'init', '--quiet', `--initial-branch=${branch}`, this.#work);
    this.#git('remote', 'add', 'origin', repository);
    this.#server = spawn(
      'git',
      ['daemon', `--base-path=${directory}`, '--export-all', `--listen=${address}`, '--reuseaddr', repository],
      { stdio: 'ignore' },
    );
  }

  /** Brings the branch to this tree in one commit. */
  push(files: ReadonlyMap<string, Uint8Array>): void {
    const tree = join(this.#work, forgeFolder);
    mkdirSync(tree, { recursive: true });
    writeReleases(tree, files);
    this.#git('add', '--all');
    this.#git('commit', '--quiet', '--allow-empty', '--message', 'release');
    this.#git('push', '--quiet', 'origin', branch);
  }

  [Symbol.dispose](): void {
    this.#server.kill('SIGKILL');
  }

  #git(...args: readonly string[]): void {
    const author = ['-c', 'user.name=ci', '-c', 'user.email=ci@example.org'];
    command('git', '-C', this.#work, ...author, ...args);
  }
}
