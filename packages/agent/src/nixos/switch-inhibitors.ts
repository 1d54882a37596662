import { readFile, realpath } from 'node:fs/promises';
import { basename } from 'node:path';
import { z } from 'zod';

/** Attribute of a system → what must not change while it runs (NixOS's `system.switch.inhibitors`). */
const Inhibitors = z.record(z.string(), z.string());

/**
 * The component for which `next` cannot take the place of `current` while the machine runs, or null. What the closures
 * declare themselves is believed where both do; otherwise the init interface, systemd's version and the implementation of
 * the message bus are compared. A new kernel or initrd is none: it waits for a boot while the rest is switched to.
 */
export async function switchInhibitor(current: string, next: string): Promise<string | null> {
  const [interfaceNow, interfaceNext] = await Promise.all([
    textAt(`${current}/init-interface-version`),
    textAt(`${next}/init-interface-version`),
  ]);
  if (interfaceNow !== null && interfaceNow !== interfaceNext) return 'init';
  const [declaredNow, declaredNext] = await Promise.all([declared(current), declared(next)]);
  if (declaredNow && declaredNext) {
    // One that only one of them knows says nothing of the other.
    const changed = [...declaredNow].find(([name, value]) => (declaredNext.get(name) ?? value) !== value);
    return changed?.[0].slice(0, 64) ?? null;
  }
  if (await differs(systemdVersion, current, next)) return 'systemd';
  if (await differs(busImplementation, current, next)) return 'dbus';
  return null;
}

/** What can be told of both, and is not the same. */
async function differs(
  told: (system: string) => Promise<string | null>,
  current: string,
  next: string,
): Promise<boolean> {
  const [now, then] = [await told(current), await told(next)];
  return now !== null && then !== null && now !== then;
}

async function declared(system: string): Promise<ReadonlyMap<string, string> | null> {
  const text = await textAt(`${system}/switch-inhibitors`);
  if (text === null) return null;
  try {
    return new Map(Object.entries(Inhibitors.parse(JSON.parse(text))));
  } catch {
    // Not in the form that we know: compared like those of a system without.
    return null;
  }
}

/** `systemd-257.3`: the package's name, so that a rebuild of the same version is no change. */
async function systemdVersion(system: string): Promise<string | null> {
  const path = await realpath(`${system}/systemd`).catch(() => null);
  return path === null ? null : basename(path).replace(/^[a-z0-9]{32}-/, '');
}

/** The program behind `dbus.service`: `dbus-daemon` or `dbus-broker-launch`. */
async function busImplementation(system: string): Promise<string | null> {
  const text = await textAt(`${system}/etc/systemd/system/dbus.service`);
  const program = /^ExecStart=[@:+!-]*(\S+)/m.exec(text ?? '')?.[1];
  return program === undefined ? null : basename(program);
}

/** The parts of a system that only a boot takes up, and their names in a closure. */
const bootedParts = ['kernel', 'initrd', 'kernel-modules'] as const;

/** The first part in which what runs and what was booted are not the same, or null. */
export async function partAwaitingBoot(booted: string, running: string): Promise<string | null> {
  for (const part of bootedParts) {
    if (await differs((system) => realpath(`${system}/${part}`).catch(() => null), booted, running)) return part;
  }
  if (await differs((system) => textAt(`${system}/kernel-params`), booted, running)) return 'kernel-params';
  return switchInhibitor(booted, running);
}

async function textAt(path: string): Promise<string | null> {
  return readFile(path, 'utf8').catch(() => null);
}
