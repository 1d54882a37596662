import childProcess from 'node:child_process';
import { webcrypto } from 'node:crypto';
import dgram from 'node:dgram';
import dns from 'node:dns';
import fs from 'node:fs';
import fsPromises from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import net from 'node:net';
import { clocks, type Forbidden } from './no-clock.ts';

/** What a program could use to reach the world past its ports: each throws from now on. */
const forbidden: Forbidden = [
  ...clocks,
  [globalThis, ['fetch']],
  [Math, ['random']],
  [webcrypto.subtle, ['digest', 'sign', 'verify', 'importKey', 'generateKey']],
  [
    fs,
    [
      'readFileSync',
      'writeFileSync',
      'readFile',
      'writeFile',
      'openSync',
      'open',
      'statSync',
      'stat',
      'readdirSync',
      'mkdirSync',
    ],
  ],
  [fsPromises, ['readFile', 'writeFile', 'open', 'stat', 'readdir', 'mkdir', 'rename', 'rm', 'readlink']],
  [net, ['connect', 'createConnection', 'createServer']],
  [dgram, ['createSocket']],
  [dns, ['lookup', 'resolve']],
  [childProcess, ['spawn', 'exec', 'execFile', 'fork', 'spawnSync', 'execFileSync']],
];

let isClosed = false;

/**
 * Closes the world to everything in this process until disposed: who reaches for it past a port fails at once, by name. Where it
 * is closed already, it stays as it is: what the engine has compiled for this world is kept from one run to the next.
 */
export function closeTheWorld(): Disposable {
  if (isClosed) return { [Symbol.dispose]: () => {} };
  isClosed = true;
  const undo: (() => void)[] = [];
  for (const [owner, names] of forbidden) {
    for (const name of names) {
      const descriptor = Object.getOwnPropertyDescriptor(owner, name) ?? inherited(owner, name);
      if (descriptor === undefined) throw new Error(`there is no ${name} to forbid`);
      const isOwn = Object.hasOwn(owner, name);
      const refuse = (): never => {
        throw new Error(`${name} was used inside a simulation: the world is reached through ports alone`);
      };
      Object.defineProperty(owner, name, { configurable: true, writable: true, enumerable: true, value: refuse });
      undo.push(() => {
        if (isOwn) Object.defineProperty(owner, name, descriptor);
        else Reflect.deleteProperty(owner, name);
      });
    }
  }
  const RealDate = globalThis.Date;
  globalThis.Date = timelessDate(RealDate);
  undo.push(() => {
    globalThis.Date = RealDate;
  });
  syncBuiltinESMExports();
  return {
    [Symbol.dispose]: () => {
      for (const restore of undo.reverse()) restore();
      isClosed = false;
      syncBuiltinESMExports();
    },
  };
}

function inherited(owner: object, name: string): PropertyDescriptor | undefined {
  const parent: unknown = Object.getPrototypeOf(owner);
  return typeof parent === 'object' && parent !== null ? Object.getOwnPropertyDescriptor(parent, name) : undefined;
}

/** A date of something is arithmetic; one of nothing is a look at the clock. */
function timelessDate(RealDate: DateConstructor): DateConstructor {
  return new Proxy(RealDate, {
    construct: (target, parameters, self) => {
      if (parameters.length === 0) throw new Error('new Date() was used inside a simulation: time comes from a Clock');
      return Reflect.construct(target, parameters, self) as object;
    },
  });
}
