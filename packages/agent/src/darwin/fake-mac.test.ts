import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Clock, StorePath } from '@nixfleet/contracts';
import { SeededRandom } from '@nixfleet/testkit';
import { fileSystem } from '../file-system.ts';
import { systemClock } from '../system-clock.ts';
import { DarwinHost } from './darwin-host.ts';
import { Launchd } from './launchd.ts';

const script = ['dead-man-record.sh', 'dead-man-darwin.sh']
  .map((name) => readFileSync(join(import.meta.dirname, '../../../../nix/modules', name), 'utf8'))
  .join('');
/** Real milliseconds for which anything that sleeps here sleeps. */
const napMs = 20;

/** Programs of a Mac, as far as they matter here. Time is a file; `sleep` only gives way. */
const programs: Readonly<Record<string, string>> = {
  date: 'cat "$MAC/now"',
  sleep: `exec /bin/sleep 0.0${napMs}`,
  sysctl: `case $2 in
kern.bootsessionuuid) cat "$MAC/boot" ;;
kern.boottime) echo "{ sec = $(cat "$MAC/boottime"), usec = 1 } Mon Jun  1 08:00:00 2026" ;;
*) exit 1 ;;
esac`,
  systemsetup: 'cat "$MAC/network-time"',
  'nix-env': `[ ! -e "$MAC/no-profile" ] || { echo 'error: no space left on device' >&2; exit 1; }
n=$(ls -d "$2"-*-link 2> /dev/null | wc -l)
ln -s "$4" "$2-$((n + 1))-link" && ln -sfn "$(basename "$2")-$((n + 1))-link" "$2"`,
  // A job runs in a session of its own, which is ended whole; KeepAlive as the plist has it.
  launchctl: `at=$MAC/jobs/\${2##*/}
case $1 in
bootstrap)
  [ ! -e "$MAC/no-launchd" ] || exit 5
  label=$(sed -n 's:<key>Label</key><string>\\(.*\\)</string>:\\1:p' "$3")
  at=$MAC/jobs/$label
  [ ! -e "$at" ] || exit 37
  mkdir -p "$at" && cp "$3" "$at/plist"
  setsid "$MAC/bin/supervise" "$at" < /dev/null > "$at/log" 2>&1 &
  while [ ! -e "$at/pid" ]; do /bin/sleep 0.01; done ;;
print)
  [ -e "$at" ] || exit 113
  if /bin/kill -0 -- "-$(cat "$at/pid")" 2> /dev/null; then echo "	state = running"; else echo "	state = not running"; fi ;;
bootout)
  [ -e "$at" ] || exit 113
  /bin/kill -KILL -- "-$(cat "$at/pid")" 2> /dev/null
  rm -rf "$at" ;;
esac`,
  supervise: `echo $$ > "$1/pid"
arguments=$(sed -n 's:.*<string>\\(.*\\)</string>.*:\\1:p' "$1/plist" | sed 1d)
while :; do
  $arguments
  code=$?
  grep -q KeepAlive "$1/plist" && [ "$code" != 0 ] || exit 0
  /bin/sleep 0.05
done`,
};

/** What a closure's `activate` does. */
export type Behaviour = 'good' | 'fails' | 'fails-late' | 'check' | 'hangs';

const behaviours: Readonly<Record<Behaviour, string>> = {
  good: 'become',
  fails: "echo 'password: hunter2'; exit 1",
  'fails-late': 'become; exit 1',
  check: "echo 'error: Unexpected files in /etc, aborting activation' >&2; exit 2",
  hangs: 'become; while :; do /bin/sleep 1; done',
};

/** A Mac in a folder: real files, real processes and the real script, with the system's own programs made up. */
export class FakeMac implements AsyncDisposable {
  readonly root = mkdtempSync(join(tmpdir(), 'nixfleet-mac-'));
  readonly #path = `${this.root}/bin:/usr/bin:/bin`;
  #incarnation = 0;

  constructor() {
    for (const folder of ['bin', 'jobs', 'run', 'nix/store', 'nix/var/nix/profiles']) {
      mkdirSync(join(this.root, folder), { recursive: true });
    }
    for (const [name, text] of Object.entries(programs)) {
      this.#program(`bin/${name}`, `#!/bin/sh\nMAC=${this.root} PATH=${this.#path}\nexport MAC PATH\n${text}\n`);
    }
    this.put('now', '1000000');
    this.put('boottime', '990000');
    this.put('boot', 'BOOT-1');
    this.put('network-time', 'Network Time: On');
  }

  get records(): string {
    return join(this.root, 'switch');
  }

  /** An agent's view of it. Another one is the agent started anew. */
  host(): DarwinHost {
    const clock: Clock = {
      now: () => Number(this.get('now')) * 1000,
      monotonicMs: () => systemClock.monotonicMs(),
      sleep: (ms, signal) => systemClock.sleep(Math.min(ms, napMs), signal),
    };
    return new DarwinHost({
      path: this.#path,
      directory: this.records,
      files: fileSystem,
      clock,
      random: new SeededRandom(++this.#incarnation),
      launchd: new Launchd({ path: this.#path, clock: systemClock }),
      clockSynchronisedFile: null,
      paths: {
        profile: join(this.root, 'nix/var/nix/profiles/system'),
        currentSystem: join(this.root, 'run/current-system'),
        storeRoot: this.root,
      },
    });
  }

  /** A closure of nix-darwin's layout. */
  system(name: string, behaviour: Behaviour = 'good'): StorePath {
    const path = StorePath.parse(`/nix/store/${Buffer.from(name).join('').padEnd(32, '0')}-darwin-system-${name}`);
    const at = path.slice(1);
    const become = `become() { ln -sfn ${path} ${this.root}/run/current-system; echo ${name} >> ${this.root}/activated; }`;
    this.#program(`${at}/activate`, `#!/bin/sh\n${become}\necho activating ${name}\n${behaviours[behaviour]}\n`);
    const where = [
      `PATH=${this.#path}`,
      'export PATH',
      `profiles=${this.root}/nix/var/nix/profiles`,
      `current_system=${this.root}/run/current-system`,
      `store_root=${this.root}`,
      `recovered=${this.root}/run/recovered`,
    ];
    this.#program(`${at}/etc/nixfleet/dead-man`, `#!/bin/sh\n${where.join('\n')}\n${script}`);
    this.put(`${at}/Library/LaunchDaemons/org.nixos.nixfleet-recover.plist`, '');
    return path;
  }

  /** It runs this, and would activate it when it boots. */
  install(closure: StorePath): void {
    symlinkSync(closure, join(this.root, 'run/current-system'));
    symlinkSync(closure, join(this.root, 'nix/var/nix/profiles/system-1-link'));
    symlinkSync('system-1-link', join(this.root, 'nix/var/nix/profiles/system'));
  }

  put(path: string, text: string): void {
    mkdirSync(join(this.root, path, '..'), { recursive: true });
    writeFileSync(join(this.root, path), text);
  }

  get(path: string): string {
    return readFileSync(join(this.root, path), 'utf8');
  }

  has(path: string): boolean {
    return existsSync(join(this.root, path));
  }

  remove(path: string): void {
    rmSync(join(this.root, path), { recursive: true, force: true });
  }

  /** Generations of the profile, newest last, and which one it names. */
  generations(): readonly string[] {
    return readlinkSync(join(this.root, 'nix/var/nix/profiles/system')).split(' ');
  }

  async recordNames(): Promise<readonly string[]> {
    return readdirSync(this.records).sort();
  }

  pass(seconds: number): void {
    this.put('now', String(Number(this.get('now')) + seconds));
  }

  /** Power is cut, and comes back: no job is left, and what the profile names is linked to, as nix-darwin does at boot. */
  async boot(): Promise<void> {
    await this.#endJobs();
    this.put('boot', `BOOT-${Number(this.get('boot').slice(5)) + 1}`);
    this.pass(60);
    this.put('boottime', this.get('now'));
    this.remove('run');
    mkdirSync(join(this.root, 'run'));
    const profiles = join(this.root, 'nix/var/nix/profiles');
    symlinkSync(
      readlinkSync(join(profiles, readlinkSync(join(profiles, 'system')))),
      join(this.root, 'run/current-system'),
    );
  }

  /** The job of every boot, out of the closure that the profile names. */
  async recover(closure: StorePath): Promise<void> {
    const path = join(this.root, closure, 'etc/nixfleet/dead-man');
    await new Launchd({ path: this.#path, clock: systemClock }).run([path, 'recover', this.records]);
  }

  async kill(label: string): Promise<void> {
    await new Launchd({ path: this.#path, clock: systemClock }).remove(label);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#endJobs();
    rmSync(this.root, { recursive: true, force: true });
  }

  async #endJobs(): Promise<void> {
    const launchd = new Launchd({ path: this.#path, clock: systemClock });
    const listed = await launchd.run(['ls', join(this.root, 'jobs')]);
    for (const label of listed.stdout.split('\n').filter((name) => name !== '')) await launchd.remove(label);
  }

  #program(path: string, text: string): void {
    this.put(path, text);
    chmodSync(join(this.root, path), 0o755);
  }
}
