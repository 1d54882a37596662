import timers from 'node:timers';
import timersPromises from 'node:timers/promises';

/** Functions by the object that they are called on. */
export type Forbidden = readonly (readonly [object, readonly string[]])[];

/** Every way to the machine's time. */
export const clocks: Forbidden = [
  [globalThis, ['setTimeout', 'setInterval']],
  [timers, ['setTimeout', 'setInterval']],
  [timersPromises, ['setTimeout', 'setInterval', 'setImmediate']],
  [Date, ['now']],
  [performance, ['now']],
];
