import type { HostHealth, RolloutStateName } from '@nixfleet/contracts';
import type { Colour } from './paint.ts';

export const healthColours: Readonly<Record<HostHealth, Colour>> = {
  converged: 'green',
  updating: 'cyan',
  waiting: 'yellow',
  failed: 'red',
  offline: 'red',
  unheard: 'red',
};

export const rolloutColours: Readonly<Record<RolloutStateName, Colour>> = {
  converged: 'green',
  active: 'cyan',
  waiting: 'yellow',
  halted: 'red',
  reverted: 'red',
  superseded: 'dim',
};
