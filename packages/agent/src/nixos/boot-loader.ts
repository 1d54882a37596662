import { readdir, readFile } from 'node:fs/promises';
import { type StorePath, StorePath as StorePathSchema } from '@nixfleet/contracts';
import { describe } from '../profile-system.ts';
import type { CommandResult } from '../run-command.ts';

export type Once = { readonly ok: true } | { readonly ok: false; readonly detail: string };

export interface BootLoaderDeps {
  /** Where the boot partition may be, tried in order. */
  readonly bootDirectories: readonly string[];
  /** Folder of the firmware's variables. */
  readonly efiVariables: string;
  /** Runs a program that may write to the boot partition and the firmware's variables. */
  readonly run: (argv: readonly [string, ...string[]]) => Promise<CommandResult>;
}

/** What the loaders of NixOS have in common: what boots by itself, and booting something else once. */
export interface BootLoader {
  /** Where it is installed. */
  readonly directory: string;
  /** What it boots by itself, from its own configuration; null where that cannot be told. */
  default(): Promise<StorePath | null>;
  /** What was installed last is what boots by itself, whatever somebody told the firmware before. */
  installedCounts(): Promise<void>;
  /** The next boot, and only that one, is into `closure`; read back. */
  bootOnce(closure: StorePath): Promise<Once>;
  /** Takes `bootOnce` back. */
  forgetOnce(): Promise<void>;
}

/** The loader that is installed, by its configuration; null for one that is not known. */
export async function findBootLoader(deps: BootLoaderDeps): Promise<BootLoader | null> {
  for (const directory of deps.bootDirectories) {
    if (await textAt(`${directory}/loader/loader.conf`)) return systemdBoot(directory, deps);
    if (await textAt(`${directory}/grub/grub.cfg`)) return grub(directory, deps);
  }
  return null;
}

/** Vendor of the variables that systemd-boot reads. */
const loaderGuid = '4a67b082-0a4c-41cf-b6c7-440b29bb8c4f';

/** systemd-boot: one file an entry, and a variable of the firmware for the next boot. */
function systemdBoot(directory: string, { run, efiVariables }: BootLoaderDeps): BootLoader {
  /** An entry that a variable of the firmware names; null for none. Four bytes of attributes, then UTF-16 (UEFI specification, 8.2). */
  const chosenBy = async (variable: 'LoaderEntryOneShot' | 'LoaderEntryDefault'): Promise<string | null> => {
    const bytes = await readFile(`${efiVariables}/${variable}-${loaderGuid}`).catch(() => null);
    return bytes?.subarray(4).toString('utf16le').replaceAll('\0', '') || null;
  };
  const systemOf = async (entry: string) => initOf((await textAt(`${directory}/loader/entries/${entry}`)) ?? '');
  return {
    directory,
    async default() {
      const settings = (await textAt(`${directory}/loader/loader.conf`)) ?? '';
      // `bootctl set-default`, by hand: it counts before what NixOS wrote.
      const entry = (await chosenBy('LoaderEntryDefault')) ?? /^default[ \t]+(\S+)[ \t]*$/m.exec(settings)?.[1];
      // A pattern chooses among entries by rules that are the loader's own.
      return entry === undefined || /[*?[]|^@/.test(entry) ? null : systemOf(entry);
    },
    async installedCounts() {
      if ((await chosenBy('LoaderEntryDefault')) !== null) await run(['bootctl', 'set-default', '']);
    },
    async bootOnce(closure) {
      const names = await readdir(`${directory}/loader/entries`).catch(() => []);
      let chosen: string | null = null;
      for (const name of names) if ((await systemOf(name)) === closure) chosen = name;
      if (chosen === null) return refused(`no entry of ${directory}/loader/entries starts ${closure}`);
      const set = await run(['bootctl', 'set-oneshot', chosen]);
      if (set.exitCode !== 0) return refused(`bootctl set-oneshot: ${describe(set.output)}`);
      const found = await chosenBy('LoaderEntryOneShot');
      return found === chosen
        ? { ok: true }
        : refused(`expected the next boot to be ${chosen}, read back ${found ?? 'nothing'}`);
    },
    async forgetOnce() {
      await run(['bootctl', 'set-oneshot', '']);
    },
  };
}

/** GRUB: one file of menus, and an environment block that holds the choice of the next boot. */
function grub(directory: string, { run }: BootLoaderDeps): BootLoader {
  const config = async () => (await textAt(`${directory}/grub/grub.cfg`)) ?? '';
  const environment = `${directory}/grub/grubenv`;
  return {
    directory,
    async installedCounts() {},
    async default() {
      return grubEntries(await config())[0]?.system ?? null;
    },
    async bootOnce(closure) {
      // The first entry is the default; what is booted once is a generation of the menu below it.
      const entry = grubEntries(await config()).find(({ system, path }) => system === closure && path.includes('>'));
      if (!entry) return refused(`no entry of ${directory}/grub/grub.cfg starts ${closure}`);
      const set = await run(['grub-reboot', `--boot-directory=${directory}`, entry.path]);
      if (set.exitCode !== 0) return refused(`grub-reboot: ${describe(set.output)}`);
      const listed = await run(['grub-editenv', environment, 'list']);
      const found = /^next_entry=(.*)$/m.exec(listed.stdout)?.[1] ?? '';
      return found === entry.path
        ? { ok: true }
        : refused(`expected the next boot to be ${entry.path}, read back ${found || 'nothing'}`);
    },
    async forgetOnce() {
      await run(['grub-editenv', environment, 'unset', 'next_entry']);
    },
  };
}

/** Titles as GRUB takes them, submenus before `>`, each with the system that its entry starts. */
export function grubEntries(config: string): readonly { readonly path: string; readonly system: StorePath }[] {
  const entries: { path: string; system: StorePath }[] = [];
  let menu: string | null = null;
  let title: string | null = null;
  for (const line of config.split('\n')) {
    const opened = /^[ \t]*(submenu|menuentry) (["'])(.*?)\2.*\{[ \t]*$/.exec(line);
    if (opened?.[1] === 'submenu') menu = opened[3] ?? '';
    else if (opened) title = opened[3] ?? '';
    else if (/^[ \t]*\}[ \t]*$/.test(line)) {
      if (title !== null) title = null;
      else menu = null;
    } else if (title !== null) {
      const system = initOf(line);
      // GRUB writes a `>` of a title twice.
      const parts = [...(menu === null ? [] : [menu]), title].map((part) => part.replaceAll('>', '>>'));
      if (system !== null) entries.push({ path: parts.join('>'), system });
    }
  }
  return entries;
}

/** The system that a command line of the kernel starts. */
function initOf(text: string): StorePath | null {
  const parsed = StorePathSchema.safeParse(/(?:^|[ \t])init=(\S+)\/init(?:\s|$)/m.exec(text)?.[1]);
  return parsed.success ? parsed.data : null;
}

function refused(detail: string): Once {
  return { ok: false, detail };
}

/** Null for a file that is empty, too. */
async function textAt(path: string): Promise<string | null> {
  return (await readFile(path, 'utf8').catch(() => null)) || null;
}
