import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { until } from '../../loop/harness/until.ts';
import { WatchedHost } from '../../loop/harness/watched-host.ts';
import { command } from './command.ts';

/** What its disk holds, the image below it apart; and its boot partition. */
const diskSize = '1g';
const bootSize = '1m';
/** How systemd-nspawn ends when the machine asks for a reboot. */
const exitCodeReboot = 133;
/** Any other end is a panic, as when the boot loader finds nothing to start; this machine then boots again, so often. */
const panicsMax = 3;
/** Longest until a machine is up, until its loader starts a system, and until it runs one, in seconds. */
const bootSecondsMax = 90;
/** The least that a memory file system holds. */
const pageBytes = 4096;
const limitAttemptsMax = 20;
/** Lines of the console that are kept for a failing test. */
const consoleLinesMax = 200;
const loader = join(import.meta.dirname, 'boot-loader.sh');
/** The group of a machine's processes, in whichever hierarchies systemd uses here. */
const hierarchies = ['/sys/fs/cgroup/systemd', '/sys/fs/cgroup/unified', '/sys/fs/cgroup'];

export interface MachineOptions {
  readonly name: string;
  /** Its disk is mounted below this; nothing may be there yet. */
  readonly directory: string;
  /** What the disk starts from, topmost first. */
  readonly layers: readonly string[];
  readonly bridge: string;
  /** What becomes PID 1; by default its boot loader. */
  readonly init?: string;
}

/**
 * A machine that systemd boots as PID 1: namespaces of its own for processes, mounts and network, a disk that outlives
 * every boot, a boot partition, and one cable to the bridge. Killing it is a power cut.
 */
export class Machine extends WatchedHost implements AsyncDisposable {
  readonly name: string;
  readonly #options: MachineOptions;
  readonly #console: string[] = [];
  #process: ChildProcess | null = null;
  #isWanted = false;
  #boots = 0;
  #panics = 0;

  constructor(options: MachineOptions) {
    super();
    this.name = options.name;
    this.#options = options;
    mkdirSync(this.#disk, { recursive: true });
    command('mount', '-t', 'tmpfs', '-o', `size=${diskSize},mode=755`, `disk-${this.name}`, this.#disk);
    for (const part of ['upper', 'work', 'root', 'boot']) mkdirSync(join(this.#disk, part));
    this.#mount();
  }

  get #disk(): string {
    return join(this.#options.directory, this.name);
  }

  /** The machine's root directory; what it mounts for itself, /run for one, is not to be seen in it. */
  get root(): string {
    return join(this.#disk, 'root');
  }

  get stateDirectory(): string {
    return join(this.root, 'var/lib/nixfleet-agent');
  }

  get log(): string {
    if (!this.isUp) return this.#console.slice(-20).join('\n');
    return this.tryRun('journalctl', '--no-pager', '--output=cat', '--lines=100', '--unit=nixfleet-*', '--boot=all');
  }

  get isUp(): boolean {
    return this.#leader !== null;
  }

  /** How often it was started. */
  get boots(): number {
    return this.#boots;
  }

  get running(): string | null {
    return readLink(this.#inside('/run/current-system'));
  }

  get booted(): string | null {
    return readLink(this.#inside('/run/booted-system'));
  }

  /** What the boot loader starts by itself. */
  get bootDefault(): string | null {
    const entry = /^menuentry "NixOS" \{\n *linux \S+ init=(\S+)\/init /m.exec(this.read('/boot/grub/grub.cfg') ?? '');
    return entry?.[1] ?? null;
  }

  /** The newest generation of the system profile. */
  get profile(): string | null {
    const profiles = join(this.root, 'nix/var/nix/profiles');
    const generation = readLink(join(profiles, 'system'));
    return generation === null ? null : readLink(join(profiles, generation));
  }

  /** A file of the machine, as a process in it sees it; null if it is not there. */
  read(path: string): string | null {
    try {
      return readFileSync(this.isUp ? this.#inside(path) : join(this.root, path), 'utf8');
    } catch {
      return null;
    }
  }

  /** Whether something is at this path. */
  has(path: string): boolean {
    return existsSync(this.isUp ? this.#inside(path) : join(this.root, path));
  }

  write(path: string, text: string | Uint8Array, mode = 0o644): void {
    const at = this.isUp ? this.#inside(path) : join(this.root, path);
    mkdirSync(join(at, '..'), { recursive: true });
    writeFileSync(at, text, { mode });
  }

  /** Changes a file of the store in place, as a failing disk would: past Nix, which keeps the store read-only. */
  damage(path: string): void {
    appendFileSync(join(this.root, path), 'damaged');
  }

  remove(path: string): void {
    rmSync(this.isUp ? this.#inside(path) : join(this.root, path), { recursive: true, force: true });
  }

  /** Makes a system of its store its first generation, as an installer leaves it. */
  install(system: string): void {
    const profiles = join(this.root, 'nix/var/nix/profiles');
    mkdirSync(profiles, { recursive: true });
    // Without one, systemd takes it for a first boot and enables units by itself.
    this.write('/etc/machine-id', `${randomUUID().replaceAll('-', '')}\n`);
    command('ln', '-sfn', system, join(profiles, 'system-1-link'));
    command('ln', '-sfn', 'system-1-link', join(profiles, 'system'));
    command('chroot', this.root, `${system}/install-boot-loader`, system);
  }

  /** Switched on; it starts again after every reboot, until it is switched off. */
  async start(): Promise<void> {
    this.switchOn();
    await this.untilUp();
  }

  /** The same, without waiting. */
  switchOn(): void {
    this.#isWanted = true;
    this.#boot();
  }

  /** Waits until systemd runs in it, for `boots` starts at least. */
  async untilUp(boots = this.#boots): Promise<void> {
    const isUp = (): boolean => this.#boots >= boots && this.isUp && this.running !== null;
    await until(`${this.name} is up`, isUp, { seconds: bootSecondsMax, explain: () => this.#console.join('\n') });
  }

  /** Waits until its boot loader has started this system, whether or not that comes up. */
  async untilBootsInto(system: string): Promise<void> {
    const isStarted = (): boolean => this.#console.some((line) => line.endsWith(`, ${system}/init`));
    const explain = (): string => this.#console.join('\n');
    await until(`${this.name} boots into ${system}`, isStarted, { seconds: bootSecondsMax, explain });
  }

  /** Waits until it runs each of these, one after the other. */
  async untilRuns(...systems: readonly string[]): Promise<void> {
    for (const system of systems) {
      const isRunning = (): boolean => this.running === system;
      await until(`${this.name} runs ${system}`, isRunning, { seconds: bootSecondsMax, explain: () => this.log });
    }
  }

  /** No process of it takes another step; what it wrote stays. */
  async cutPower(): Promise<void> {
    this.#isWanted = false;
    const child = this.#process;
    if (child === null) return;
    const exited = once(child, 'exit');
    // PID 1 of it, also one that has not become systemd yet: with it all end.
    const leaders = childrenOf(child.pid);
    for (const leader of leaders) process.kill(leader, 'SIGKILL');
    if (leaders.length === 0) child.kill('SIGKILL');
    await exited;
  }

  async powerCycle(): Promise<void> {
    await this.cutPower();
    await this.start();
  }

  /** A reboot as somebody at the machine would ask for it; waits until it is up again. */
  async reboot(): Promise<void> {
    const before = this.#boots;
    this.tryRun('systemctl', 'reboot');
    await this.untilUp(before + 1);
  }

  /** Runs a program in it, for the test's own observation and for what happens to it. */
  run(...argv: readonly string[]): string {
    return command('nsenter', '--target', String(this.#mustBeUp()), '--all', '--', ...argv);
  }

  /** Brings a store path here from the fleet's cache, as a person at the machine would. The cache is in this process. */
  async fetch(path: string): Promise<void> {
    const copy = ['nix', '--extra-experimental-features', 'nix-command', 'copy', '--no-check-sigs'];
    const entered = ['--target', String(this.#mustBeUp()), '--all', '--'];
    const child = spawn('nsenter', [...entered, ...copy, '--from', 'http://cache:8080', path], { stdio: 'ignore' });
    const [code] = (await once(child, 'exit')) as [number | null];
    if (code !== 0) throw new Error(`${this.name}: nix copy of ${path} ended with ${code}`);
  }

  /** The same as `run`, with all that it starts in a group of processes of this host. */
  runIn(group: string, ...argv: readonly string[]): string {
    const enter = ['nsenter', '--target', String(this.#mustBeUp()), '--all', '--', ...argv];
    return command('/bin/sh', '-euc', 'echo $$ > "$0/cgroup.procs"; exec "$@"', group, ...enter);
  }

  /** The same as `run`; what it said, whether or not it failed. */
  tryRun(...argv: readonly string[]): string {
    try {
      return this.run(...argv);
    } catch (error) {
      return String(error);
    }
  }

  /** Unplugs its cable. */
  unplug(): void {
    command('ip', 'link', 'set', `vb-${this.name}`, 'nomaster');
  }

  plugIn(): void {
    command('ip', 'link', 'set', `vb-${this.name}`, 'master', this.#options.bridge);
  }

  /** Leaves so many bytes free on its disk; null: as many as it had. */
  limitDisk(freeBytes: number | null): void {
    limit(this.#disk, freeBytes, diskSize);
  }

  /** The same for its boot partition. */
  limitBoot(freeBytes: number | null): void {
    limit(join(this.#disk, 'boot'), freeBytes, bootSize);
  }

  /** A copy of its disk, while it is switched off. */
  snapshot(): void {
    const at = join(this.#disk, 'snapshot');
    rmSync(at, { recursive: true, force: true });
    command('cp', '--archive', join(this.#disk, 'upper'), at);
    cpSync(join(this.#disk, 'boot'), join(this.#disk, 'snapshot-boot'), { recursive: true });
  }

  /** Its disk is as it was when the copy was made; while it is switched off. */
  restore(): void {
    command('umount', join(this.root, 'boot'));
    command('umount', this.root);
    for (const part of ['upper', 'work']) rmSync(join(this.#disk, part), { recursive: true, force: true });
    command('cp', '--archive', join(this.#disk, 'snapshot'), join(this.#disk, 'upper'));
    mkdirSync(join(this.#disk, 'work'));
    this.#mountRoot();
    for (const name of readdirSync(join(this.root, 'boot')))
      rmSync(join(this.root, 'boot', name), { recursive: true, force: true });
    cpSync(join(this.#disk, 'snapshot-boot'), join(this.root, 'boot'), { recursive: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cutPower();
    command('umount', '--recursive', this.#disk);
  }

  #mount(): void {
    command('mount', '-t', 'tmpfs', '-o', `size=${bootSize}`, `boot-${this.name}`, join(this.#disk, 'boot'));
    this.#mountRoot();
  }

  #mountRoot(): void {
    const [upper, work] = ['upper', 'work'].map((part) => join(this.#disk, part));
    const layers = `lowerdir=${this.#options.layers.join(':')},upperdir=${upper},workdir=${work}`;
    command('mount', '-t', 'overlay', '-o', layers, `root-${this.name}`, this.root);
    mkdirSync(join(this.root, 'boot'), { recursive: true });
    command('mount', '--bind', join(this.#disk, 'boot'), join(this.root, 'boot'));
  }

  #boot(): void {
    this.#boots++;
    const groups = hierarchies.filter((at) => isGroup(at)).map((at) => join(at, 'nixfleet-machines', this.name));
    for (const group of groups) mkdirSync(group, { recursive: true });
    const nspawn = [
      ...['systemd-nspawn', '--quiet', '--directory', this.root, '--machine', this.name, '--hostname', this.name],
      // Known to nobody outside: no machined, no unit, no journal.
      ...['--register=no', '--keep-unit', '--link-journal=no', '--resolv-conf=off', '--timezone=off'],
      ...['--network-bridge', this.#options.bridge, '--kill-signal=SIGRTMIN+3', '--console=read-only'],
      ...['--bind-ro', `${loader}:/run/host/boot-loader`, this.#options.init ?? '/run/host/boot-loader'],
    ];
    const joinGroups =
      'for group; do [ "$group" != -- ] || break; shift; echo $$ > "$group/cgroup.procs"; done; shift; exec "$@"';
    const child = spawn('/bin/sh', ['-euc', joinGroups, 'sh', ...groups, '--', ...nspawn], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const keep = (chunk: Buffer): void => {
      this.#console.push(...chunk.toString().split(/\r?\n/).filter(Boolean));
      this.#console.splice(0, Math.max(0, this.#console.length - consoleLinesMax));
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    this.#process = child;
    child.on('exit', (code) => {
      this.#process = null;
      if (!this.#isWanted) return;
      const isPanic = code !== exitCodeReboot;
      if (isPanic) this.#panics++;
      if (this.#panics <= panicsMax) this.#boot();
    });
  }

  /** Its PID 1 as this process knows it. */
  get #leader(): number | null {
    return childrenOf(this.#process?.pid).find((child) => isInit(child)) ?? null;
  }

  #mustBeUp(): number {
    const leader = this.#leader;
    if (leader === null) throw new Error(`${this.name} is not up:\n${this.#console.slice(-20).join('\n')}`);
    return leader;
  }

  #inside(path: string): string {
    return `/proc/${this.#leader ?? 'none'}/root${path}`;
  }
}

/** Leaves so many bytes free in a memory file system; null: as many as it had. */
function limit(directory: string, freeBytes: number | null, size: string): void {
  if (freeBytes === null) {
    command('mount', '-o', `remount,size=${size}`, directory);
    return;
  }
  // Refused when something was written between the look and the limit.
  for (let attempt = 1; ; attempt++) {
    const used = Number(command('df', '--output=used', '--block-size=1', directory).trim().split('\n').at(-1));
    try {
      command('mount', '-o', `remount,size=${Math.max(pageBytes, used + freeBytes)}`, directory);
      return;
    } catch (error) {
      if (attempt === limitAttemptsMax) throw error;
    }
  }
}

function childrenOf(pid: number | undefined): readonly number[] {
  const children = readIfThere(`/proc/${pid}/task/${pid}/children`)?.trim().split(' ').filter(Boolean) ?? [];
  return children.map(Number);
}

/** systemd, or whatever becomes it, rather than systemd-nspawn on its way there. */
function isInit(pid: number): boolean {
  return readIfThere(`/proc/${pid}/comm`)?.trim() === 'systemd';
}

function isGroup(path: string): boolean {
  return readIfThere(join(path, 'cgroup.procs')) !== null;
}

function readLink(path: string): string | null {
  try {
    return readlinkSync(path);
  } catch {
    return null;
  }
}

function readIfThere(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}
